"""A reply that was stopped goes on as if it had not been."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from golden_data import GOLDEN

from medusa_chat.engine.continuation import Said
from medusa_chat.engine.local import Answer, Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.settings import DecodeSettings, ModelSettings

HEADS = str(GOLDEN / "medusa/models/tiny-llama-heads-v01")
ASKED = (ChatMessage("user", "Hello"),)
SETTINGS = DecodeSettings(temperature=0.8, seed=7, max_new_tokens=40, ignore_eos=True)


@cache
def loaded_engine() -> Engine:
    engine = Engine()
    engine.load(ModelSettings(HEADS), lambda *_: None)
    return engine


@pytest.fixture
def engine() -> Engine:
    engine = loaded_engine()
    engine.forget()
    return engine


def said_by(answer: Answer, *, steps: int | None = None) -> tuple[str, list[int]]:
    """Decode, cancelling after some steps; return text and tokens."""
    texts: list[str] = []
    for emissions in answer.run(lambda: len(texts) == steps):
        texts.append("".join(emission.text for emission in emissions))  # noqa: PERF401
    return "".join(texts), answer.decoding.output.token_ids


def begun(text: str) -> tuple[ChatMessage, ...]:
    return (*ASKED, ChatMessage("assistant", text))


@pytest.mark.parametrize("medusa", [True, False])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_what_was_stopped_comes_to_the_same_text_and_tokens(
    engine: Engine, temperature: float, medusa: bool
) -> None:
    settings = replace(SETTINGS, temperature=temperature, medusa=medusa)
    text, tokens = said_by(engine.answer(ASKED, settings))
    for steps in (1, 3, 8):
        first, first_tokens = said_by(engine.answer(ASKED, settings), steps=steps)
        assert text.startswith(first)
        assert first != text
        left = replace(settings, max_new_tokens=40 - len(first_tokens))
        rest, rest_tokens = said_by(engine.answer(begun(first), left))
        assert first + rest == text
        assert first_tokens + rest_tokens == tokens


def test_a_reply_that_was_gone_on_with_can_be_gone_on_with_again(engine: Engine) -> None:
    text, tokens = said_by(engine.answer(ASKED, SETTINGS))
    so_far, got = said_by(engine.answer(ASKED, SETTINGS), steps=2)
    while len(got) < 40:
        left = replace(SETTINGS, max_new_tokens=min(7, 40 - len(got)))
        more, more_tokens = said_by(engine.answer(begun(so_far), left))
        so_far, got = so_far + more, got + more_tokens
    assert (so_far, got) == (text, tokens)


def test_an_engine_that_did_not_write_it_goes_on_from_the_text(engine: Engine) -> None:
    first, first_tokens = said_by(engine.answer(ASKED, SETTINGS), steps=3)
    said_by(engine.answer((ChatMessage("user", "Another"),), SETTINGS))
    answer = engine.answer(begun(first), SETTINGS)
    asked = engine.encode(ASKED, SETTINGS)
    prompt = engine.encode(begun(first), SETTINGS)
    assert prompt[: len(asked)] == asked
    assert answer.decoding.figures.prompt_tokens == len(prompt)
    assert abs(len(prompt) - len(asked) - len(first_tokens)) <= 3
    assert said_by(answer)[0]


def test_a_reply_that_a_stop_string_ended_goes_on_from_its_text(engine: Engine) -> None:
    text, _ = said_by(engine.answer(ASKED, replace(SETTINGS, temperature=0)))
    stop = text[10:13]
    settings = replace(SETTINGS, temperature=0, stop=(stop,))
    first, _ = said_by(engine.answer(ASKED, settings))
    assert stop not in first
    answer = engine.answer(begun(first), SETTINGS)
    assert answer.decoding.figures.prompt_tokens == len(engine.encode(begun(first), SETTINGS))


def test_tokens_are_those_of_one_prompt_and_one_text() -> None:
    said = Said([1, 2], [1, 2])
    said.note("ab", [3, 4, 5], "eos")
    assert said.ids_to("ab", [1, 2]) == [1, 2, 3, 4]
    assert said.ids_to("a", [1, 2]) is None
    assert said.ids_to("ab", [1, 9]) is None
    said.note("ab", [3, 4, 5], "stop")
    assert said.ids_to("ab", [1, 2]) is None
    said.note("ab", [3, 4], "cancelled")
    assert said.ids_to("ab", (1, 2)) == [1, 2, 3, 4]
