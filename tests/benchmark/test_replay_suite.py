"""The replies on which trees are scored offline."""

from __future__ import annotations

from dataclasses import replace

from medusa_chat.benchmark.cases import Case
from medusa_chat.benchmark.replay_suite import log_case
from medusa_chat.decoding.replay import replay
from medusa_chat.decoding.replay_methods import methods_for
from medusa_chat.engine.protocol import ChatMessage

from .measured import GREEDY, engine

PROMPT = (ChatMessage("user", "def close(self):"),)
CASE = Case("close", "code", PROMPT)


def test_a_logged_reply_ends_where_a_live_one_does() -> None:
    whole = engine().answer(PROMPT, GREEDY)
    text = "".join(one.text for step in whole.run(lambda: False) for one in step)
    stopping = replace(GREEDY, stop=(text[len(text) // 2 :][:2],))
    engine().forget()
    live = engine().answer(PROMPT, stopping)
    for _ in live.run(lambda: False):
        pass
    engine().forget()
    output = live.decoding.output
    assert output.stop_reason == "stop"
    assert len(output.token_ids) < GREEDY.max_new_tokens
    log = log_case(engine(), CASE, stopping)
    assert list(log.reply) == output.token_ids
    # Trees are scored on that reply and no further.
    assert replay(log, methods_for([log])["all"](8)).tokens == len(log.reply)
