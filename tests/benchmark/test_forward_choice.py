"""The lean forward and the stock one, on the same model, by the user's choice."""

from __future__ import annotations

import dataclasses

import pytest
from command_line import HEADS, Call

from medusa_chat.benchmark.forward_choice import forward_name, model_words, use_forward
from medusa_chat.benchmark.modes import ModeContestant, parse_mode
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import UsageError
from medusa_chat.settings import ModelSettings

from .measured import GREEDY

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
    with pytest.raises(UsageError, match=r"does not fit .*: it is a test"):
        use_forward(dataclasses.replace(engine.model, stock_reason="it is a test"), "lean")


def test_on_the_command_line(bench: Call) -> None:
    options = ("--suite", "steps", "--prefix", "4", "--json")
    assert bench(*options, "--forward", "stock").record["forward"] == "stock"
    assert bench(*options).record["forward"] == "lean"
