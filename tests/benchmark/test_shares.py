"""Where the time goes, and that looking leaves nothing behind."""

from __future__ import annotations

from medusa_chat.benchmark.modes import ModeContestant, parse_mode
from medusa_chat.benchmark.run import Item
from medusa_chat.benchmark.shares import measure_shares
from medusa_chat.engine.protocol import ChatMessage

from .measured import GREEDY, engine


def items(count: int) -> list[Item]:
    return [
        Item(str(number), "kind", (ChatMessage("user", f"def read_{number}(self):"),), {})
        for number in range(count)
    ]


def test_parts_add_up_and_the_decoder_is_as_before() -> None:
    decoder = engine().model.decoder
    before = decoder.forward, decoder.head_logits
    modes = [ModeContestant(engine(), parse_mode(name, GREEDY)) for name in ("plain", "chain")]
    plain, chain = measure_shares(decoder, modes, items(3))
    assert (plain.name, chain.name) == ("plain", "chain")
    assert plain.heads == 0
    assert chain.heads > 0
    for one in (plain, chain):
        assert 0 < one.forward < 1
        assert one.rest > 0
    assert (decoder.forward, decoder.head_logits) == before


def test_a_few_replies_are_enough() -> None:
    mode = ModeContestant(engine(), parse_mode("plain", GREEDY))
    asked: list[str] = []
    answer = mode.answer

    class Counted(ModeContestant):
        """Notes which prompts it answers."""

        def __init__(self) -> None:
            self.name = "counted"

        def answer(self, messages, cancelled):  # type: ignore[no-untyped-def]
            asked.append(messages[0].content)
            return answer(messages, cancelled)

    measure_shares(engine().model.decoder, [Counted()], items(40))
    assert len(asked) == 8
    assert asked[-1] == "def read_35(self):"


def test_interrupted_there_are_none() -> None:
    mode = ModeContestant(engine(), parse_mode("plain", GREEDY))
    decoder = engine().model.decoder
    before = decoder.forward
    assert measure_shares(decoder, [mode], items(2), cancelled=lambda: True) == []
    assert decoder.forward is before
    assert measure_shares(decoder, [mode], []) == []
