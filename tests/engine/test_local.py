"""The engine in this process: loading, answering, the cache between turns."""

from __future__ import annotations

import weakref
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from golden_data import GOLDEN, TINY_LLAMA
from tiny_models import save_base
from transformers import AutoTokenizer

from medusa_chat.decoding.stats import Figures
from medusa_chat.engine import local
from medusa_chat.engine.local import Answer, Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import ContextFullError, EngineError, ModelError, UsageError
from medusa_chat.models import loader
from medusa_chat.models.loader import LoadedModel
from medusa_chat.models.stages import Report
from medusa_chat.settings import DecodeSettings, ModelSettings

HEADS = str(GOLDEN / "medusa/models/tiny-llama-heads-v01")
GREEDY = DecodeSettings(temperature=0, max_new_tokens=16, ignore_eos=True)


def quiet(_stage: str, _fraction: float | None) -> None:
    """Report nothing."""


@cache
def loaded_engine() -> Engine:
    engine = Engine()
    engine.load(ModelSettings(HEADS), quiet)
    return engine


@pytest.fixture
def engine() -> Engine:
    """Return an engine with the golden model, its cache empty."""
    engine = loaded_engine()
    engine.forget()
    return engine


def user(text: str) -> ChatMessage:
    return ChatMessage("user", text)


def text_of(answer: Answer, *, steps: int | None = None) -> str:
    """Decode the answer, cancelling it after some steps, and return its text."""
    texts: list[str] = []
    for emissions in answer.run(lambda: len(texts) == steps):
        texts.append("".join(emission.text for emission in emissions))  # noqa: PERF401
    return "".join(texts)


def test_loaded_says_what_is_used() -> None:
    loaded = Engine().load(ModelSettings(HEADS), quiet)
    assert loaded.model == HEADS
    assert loaded.base_model == "../tiny-llama"
    assert (loaded.dtype, loaded.device, loaded.quantization) == ("float32", "cpu", "none")
    assert (loaded.context_tokens, loaded.heads, loaded.plain_reason) == (512, 4, None)


def test_base_alone() -> None:
    engine = Engine()
    loaded = engine.load(ModelSettings(str(TINY_LLAMA)), quiet)
    assert loaded.heads == 0
    assert loaded.plain_reason is None
    answer = engine.answer([user("Hello")], replace(GREEDY, draft="heads"))
    assert answer.mode == "plain"
    text = text_of(answer)
    assert answer.decoding.figures.accepted_per_step == 1.0
    drafting = engine.answer([user("Hello")], GREEDY)
    assert drafting.mode == "medusa"
    assert text_of(drafting) == text
    assert (drafting.decoding.figures.accepted_per_step or 0) > 1.0


def test_nothing_is_answered_before_a_model_is_loaded() -> None:
    with pytest.raises(EngineError, match="No model"):
        Engine().answer([user("Hello")], GREEDY)


def test_failed_load_leaves_no_model() -> None:
    engine = Engine()
    engine.load(ModelSettings(HEADS), quiet)
    with pytest.raises(ModelError):
        engine.load(ModelSettings("/nowhere"), quiet)
    with pytest.raises(EngineError):
        engine.answer([user("Hello")], GREEDY)


def test_later_turns_reuse_what_is_cached(engine: Engine) -> None:
    turns = [user("Hello")]
    reused: list[int] = []
    figures = Figures()
    for question in ("And then?", "And then?", "And then?"):
        answer = engine.answer(turns, GREEDY)
        turns += [ChatMessage("assistant", text_of(answer)), user(question)]
        # All of the earlier turns' prompt at least: only the new turn is prefilled.
        assert answer.decoding.reused_tokens >= figures.prompt_tokens
        figures = answer.decoding.figures
        reused.append(figures.reused_tokens)
    assert reused[0] == 0
    assert reused == sorted(set(reused))


def test_reuse_changes_no_token(engine: Engine) -> None:
    turns = [user("Hello"), ChatMessage("assistant", "Hi."), user("Tell me more")]
    text_of(engine.answer(turns[:1], GREEDY))
    again = engine.answer(turns, GREEDY)
    reusing = text_of(again)
    assert again.decoding.reused_tokens > 0
    engine.forget()
    fresh = engine.answer(turns, GREEDY)
    assert text_of(fresh) == reusing
    assert fresh.decoding.reused_tokens == 0
    assert fresh.decoding.output.token_ids == again.decoding.output.token_ids


def test_cancelled_reply_keeps_what_came_and_the_next_is_right(engine: Engine) -> None:
    whole = text_of(engine.answer([user("Hello")], GREEDY))
    answer = engine.answer([user("Hello")], GREEDY)
    part = text_of(answer, steps=3)
    assert answer.decoding.output.stop_reason == "cancelled"
    assert part
    assert whole.startswith(part)
    assert text_of(engine.answer([user("Hello")], GREEDY)) == whole


def test_cancelled_before_the_first_token(engine: Engine) -> None:
    answer = engine.answer([user("Hello")], GREEDY)
    assert text_of(answer, steps=0) == ""
    assert answer.decoding.output.stop_reason == "cancelled"
    assert answer.decoding.figures.accepted_per_step is None


def test_seeds_are_drawn_and_kept(engine: Engine) -> None:
    settings = DecodeSettings(max_new_tokens=4)
    first, second = (engine.answer([user("Hello")], settings).seed for _ in range(2))
    assert first != second
    assert engine.answer([user("Hello")], DecodeSettings(seed=7)).seed == 7


def test_system_message_comes_first_unless_there_is_one(engine: Engine) -> None:
    def tokens(*messages: ChatMessage, system: str | None = None) -> int:
        answer = engine.answer(messages, DecodeSettings(system=system))
        return answer.decoding.figures.prompt_tokens

    own = ChatMessage("system", "Be brief.")
    assert tokens(own, user("Hi")) == tokens(user("Hi"), system="Be brief.") > tokens(user("Hi"))
    assert tokens(own, user("Hi"), system="Be long and wordy.") == tokens(own, user("Hi"))


def test_conversation_that_fills_the_context(engine: Engine) -> None:
    with pytest.raises(ContextFullError, match="512"):
        engine.answer([user("word " * 1000)], GREEDY)


@pytest.mark.parametrize("messages", [[], [user("")], [user(" \n")]], ids=str)
def test_nothing_to_answer(messages: list[ChatMessage], engine: Engine) -> None:
    with pytest.raises(UsageError, match="empty"):
        engine.answer(messages, GREEDY)


def test_half_a_character(engine: Engine) -> None:
    for raw in (False, True):
        with pytest.raises(UsageError, match="UTF-8"):
            engine.answer([user("a\ud800")], DecodeSettings(raw=raw))


def test_token_that_the_model_does_not_have(tmp_path: Path) -> None:
    folder = save_base(tmp_path / "base", "llama")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<|extra|>"])
    tokenizer.save_pretrained(folder)
    engine = Engine()
    engine.load(ModelSettings(str(folder)), quiet)
    with pytest.raises(UsageError, match=r"token 512.* ends at 511"):
        engine.answer([user("Hello <|extra|>")], GREEDY)
    assert text_of(engine.answer([user("Hello")], GREEDY))


def test_old_model_goes_before_the_new_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    engine.load(ModelSettings(HEADS), quiet)
    old = weakref.ref(engine.model.base)

    def load(settings: ModelSettings, report: Report) -> LoadedModel:
        assert old() is None
        return loader.load(settings, report)

    monkeypatch.setattr(local, "load", load)
    engine.load(ModelSettings(HEADS), quiet)
    assert text_of(engine.answer([user("Hello")], GREEDY))


def test_tree_follows_the_settings(engine: Engine) -> None:
    assert engine.choose_tree(GREEDY).words == "auto"
    assert engine.choose_tree(GREEDY) is engine.choose_tree(GREEDY)
    plain = engine.answer([user("Hi")], DecodeSettings(medusa=False))
    assert (plain.mode, plain.tree.words) == ("plain", "root, 1 node")
    chain = engine.answer([user("Hi")], DecodeSettings(tree="chain"))
    assert (chain.mode, chain.tree.words) == ("medusa", "chain, 5 nodes")
