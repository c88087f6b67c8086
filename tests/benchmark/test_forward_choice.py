"""The lean forward and the stock one, on the same model, by the user's choice."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from command_line import HEADS, Call

from medusa_chat.benchmark import forward_choice
from medusa_chat.benchmark.forward_choice import (
    forward_name,
    forward_notes,
    forward_record,
    model_words,
    use_forward,
)
from medusa_chat.benchmark.modes import ModeContestant, parse_mode
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import UsageError
from medusa_chat.settings import ModelSettings

from .measured import GREEDY
from .measured import engine as measured_engine

PROMPT = [ChatMessage("user", "def close(self):")]


def test_both_forwards_give_the_same_tokens() -> None:
    engine = Engine()
    engine.load(ModelSettings(HEADS), lambda _stage, _fraction: None)
    contestant = ModeContestant(engine, parse_mode("dynamic:8", GREEDY))
    use_forward(engine.model, "auto")
    use_forward(engine.model, "lean")
    assert forward_name(engine.model) == "lean"
    lean = contestant.answer(PROMPT, lambda: False)
    use_forward(engine.model, "stock")
    assert forward_name(engine.model) == "stock"
    assert model_words(engine.model) == "float32, cpu, stock forward"
    stock = contestant.answer(PROMPT, lambda: False)
    assert stock.tokens == lean.tokens
    assert stock.figures.accepted_counts == lean.figures.accepted_counts
    refused = dataclasses.replace(engine.model, stock_reason="it is a test")
    assert forward_notes(refused) == ["The lean forward does not fit: it is a test."]
    assert forward_record(refused)["stock_reason"] == "it is a test"
    assert forward_record(refused)["cuda_graphs"] is False
    with pytest.raises(UsageError, match=r"does not fit .*: it is a test"):
        use_forward(refused, "lean")


def test_on_the_command_line(bench: Call) -> None:
    options = ("--suite", "steps", "--prefix", "4", "--json")
    assert bench(*options, "--forward", "stock").record["forward"] == "stock"
    assert bench(*options).record["forward"] == "lean"


class CapturedForward(LeanForward):
    """A lean forward as it is on a CUDA device, for what is said of it."""

    device = torch.device("cuda")

    def __init__(self, reason: str | None, whole: str | None) -> None:
        self._reason, self.whole_step_obstacle = reason, whole

    @property
    def eager_reason(self) -> str | None:
        return self._reason

    @property
    def graphs_in_use(self) -> bool:
        return self._reason is None


@pytest.mark.parametrize(
    ("reason", "whole", "words", "note"),
    [
        (None, None, "in CUDA graphs", None),
        (None, "no room", "in CUDA graphs", "whole steps are not: no room."),
        ("it waits", "it waits", "without CUDA graphs", "Steps are not CUDA graphs: it waits."),
    ],
)
def test_whether_steps_are_cuda_graphs_is_said(
    reason: str | None, whole: str | None, words: str, note: str | None
) -> None:
    shared = measured_engine().model
    decoder = copy.copy(shared.decoder)
    decoder.forward = CapturedForward(reason, whole)
    loaded = dataclasses.replace(shared, decoder=decoder)
    assert model_words(loaded).endswith(f"lean forward {words}")
    assert forward_record(loaded)["cuda_graphs"] is (reason is None)
    notes = forward_notes(loaded)
    assert notes == [] if note is None else note in notes[0]


def test_a_penalty_is_said_where_whole_steps_would_be_graphs() -> None:
    shared = measured_engine().model
    decoder = copy.copy(shared.decoder)
    decoder.forward = CapturedForward(None, None)
    loaded = dataclasses.replace(shared, decoder=decoder)
    obstacle = "a repetition penalty is worked out on the host"
    record = forward_record(loaded, 1.3)
    assert record["launches"] == f"CUDA graphs in part: {obstacle}"
    assert record["forward_notes"] == forward_notes(loaded, 1.3)
    assert record["forward_notes"] == [
        f"Forward passes are CUDA graphs, whole steps are not: {obstacle}."
    ]


def test_the_penalty_of_the_command_line_counts(
    bench: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward_choice, "launches", lambda _, penalty: f"penalty {penalty}")
    options = ("--modes", "plain", "--per-category", "1", "--repetition-penalty", "1.3", "--json")
    assert bench(*options).record["launches"] == "penalty 1.3"
