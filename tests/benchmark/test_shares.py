"""Where the time goes, and that looking leaves nothing behind."""

from __future__ import annotations

import dataclasses

import pytest

from medusa_chat.benchmark import report
from medusa_chat.benchmark.cases import Case
from medusa_chat.benchmark.chat_suite import ChatResult, run_chat
from medusa_chat.benchmark.modes import ModeContestant, parse_mode
from medusa_chat.benchmark.run import Item
from medusa_chat.benchmark.shares import measure_shares
from medusa_chat.benchmark.table import DASH
from medusa_chat.decoding.lean import graph
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.settings import DecodeSettings

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


def measured(decode: DecodeSettings) -> ChatResult:
    """Return what a run of two modes over a prompt has found."""
    return run_chat(
        engine(),
        "golden",
        [Case("one", "kind", (ChatMessage("user", "def close(self):"),))],
        [parse_mode(name, decode) for name in ("plain", "chain")],
        (),
        decode,
        repeats=1,
        usual_threads=1,
        cancelled=lambda: False,
        report=lambda *_: None,
    )


def test_a_step_that_is_one_graph_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The capture alone is replaced: what was recorded is run again."""
    captured: list[object] = []

    def capture(record, _pool):  # type: ignore[no-untyped-def]
        captured.append(record)
        return record

    monkeypatch.setattr(graph, "capture", capture)
    monkeypatch.setattr(engine().model.decoder.forward, "whole_step_obstacle", None)
    whole = measured(GREEDY)
    assert captured
    assert whole.shares is None
    assert report.record(whole, "command")["shares"] is None
    cost = report.tables(whole)[1]
    assert [row[1:4] for row in cost.rows] == [(DASH, DASH, DASH)] * 2
    assert cost.notes == (
        "A step is one CUDA graph here: what its parts take cannot be told apart.",
    )
    # With a penalty only the forward passes are graphs, which have a beginning and an end.
    in_part = measured(dataclasses.replace(GREEDY, repetition_penalty=1.3))
    assert [one.name for one in in_part.shares or ()] == ["plain", "chain"]
    assert report.tables(in_part)[1].notes == ()
