"""transformers' own decoding beside the program's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import save_base
from torch import nn
from transformers import AutoModelForCausalLM

from medusa_chat.benchmark.modes import ModeContestant, parse_mode
from medusa_chat.benchmark.peers import PeerContestant, PeerError, Variant, variants
from medusa_chat.benchmark.stock_model import stock_layers, stock_model
from medusa_chat.decoding.lean.forward import lean_forward_for
from medusa_chat.decoding.lean.fp8 import Fp8Linear, fill
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import ContextFullError
from medusa_chat.settings import DecodeSettings

from .measured import GREEDY, engine

PROMPT = [ChatMessage("user", "def close(self):\n    self.close()\n\ndef close(self):\n    self.")]


def peer(decode: DecodeSettings = GREEDY, *, lookup: bool = False) -> PeerContestant:
    base = engine().model.base
    return PeerContestant(engine(), decode, lambda: base, lookup=lookup, usual_threads=2)


def test_variants() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    words = [one.words for one in variants(cpu, 4, lookup=False)]
    assert words == [
        "dynamic cache, 1 thread",
        "dynamic cache, 4 threads",
        "static cache, 1 thread",
        "static cache, 4 threads",
    ]
    assert [one.threads for one in variants(cpu, 1, lookup=False)] == [1, 1]
    assert [one.words for one in variants(cuda, 4, lookup=False)] == [
        "dynamic cache",
        "static cache and compile",
    ]
    assert variants(cuda, 4, lookup=True) == [Variant("dynamic", None)]
    # Where there is no time for compiling. On a CPU nothing is compiled.
    assert variants(cuda, 4, lookup=False, compiles=False) == [Variant("dynamic", None)]
    assert len(variants(cpu, 4, lookup=False, compiles=False)) == 4


@pytest.mark.parametrize("lookup", [False, True])
def test_greedy_tokens_are_those_of_plain_decoding(lookup: bool) -> None:
    expected = ModeContestant(engine(), parse_mode("plain", GREEDY)).answer(PROMPT, lambda: False)
    contestant = peer(lookup=lookup)
    threads = torch.get_num_threads()
    answered = contestant.answer(PROMPT, lambda: False)
    assert answered.tokens == expected.tokens
    assert answered.stop_reason == "length"
    assert torch.get_num_threads() == threads
    assert contestant.is_exact
    assert contestant.is_peer
    figures = answered.figures
    assert figures.tokens == len(expected.tokens)
    assert figures.prompt_tokens == expected.figures.prompt_tokens
    assert figures.first_token_seconds is not None
    assert figures.first_token_seconds > 0
    assert figures.decode_seconds > 0
    assert contestant.words in contestant.trials
    assert len(contestant.trials) == (2 if lookup else 4)
    assert contestant.trials[contestant.words] == max(contestant.trials.values())
    if lookup:
        assert answered.forward_steps < len(answered.tokens)
    else:
        assert answered.forward_steps == len(answered.tokens) - 1
        assert figures.accepted_per_step == 1.0


@pytest.mark.parametrize("cache", ["dynamic", "static"])
def test_each_cache_gives_the_same_tokens(cache: Any) -> None:
    contestant = peer()
    contestant._best = Variant(cache, 1)
    expected = ModeContestant(engine(), parse_mode("plain", GREEDY)).answer(PROMPT, lambda: False)
    assert contestant.answer(PROMPT, lambda: False).tokens == expected.tokens


def test_one_static_cache_serves_many_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on CUDA, where a cache of another size would be compiled anew."""
    monkeypatch.setattr("medusa_chat.benchmark.peers._STATIC_ROUNDING", 64)
    contestant = peer()
    contestant._best = Variant("static", None)
    own = contestant._static_cache
    caches = []

    def on_cuda(tokens: int, _device: torch.device) -> Any:
        caches.append(own(tokens, torch.device("cuda")))
        return caches[-1]

    monkeypatch.setattr(contestant, "_static_cache", on_cuda)
    plain = ModeContestant(engine(), parse_mode("plain", GREEDY))
    for text in ("def close(self):", "class is a", "x = 1\n" * 40, "def close(self):"):
        prompt = [ChatMessage("user", text)]
        expected = plain.answer(prompt, lambda: False).tokens
        assert contestant.answer(prompt, lambda: False).tokens == expected
    assert caches[0] is caches[1]
    assert caches[0] is not caches[2], "too small for the third"
    assert caches[2] is caches[3]


def test_a_trial_has_the_static_cache_of_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another size it would be compiled twice."""
    contestant = peer()
    own, sizes = contestant._static_cache, set()

    def noted(tokens: int, device: torch.device) -> Any:
        sizes.add(tokens)
        return own(tokens, device)

    monkeypatch.setattr(contestant, "_static_cache", noted)
    answered = contestant.answer(PROMPT, lambda: False)
    assert len(answered.tokens) == GREEDY.max_new_tokens
    assert sizes == {answered.figures.prompt_tokens + GREEDY.max_new_tokens}


def test_a_variant_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    contestant = peer()

    def no_compiler(_tokens: int, _device: torch.device) -> None:
        raise RuntimeError("no C compiler")

    monkeypatch.setattr(contestant, "_static_cache", no_compiler)
    assert len(contestant.answer(PROMPT, lambda: False).tokens) == GREEDY.max_new_tokens
    assert set(contestant.trials) == {"dynamic cache, 1 thread", "dynamic cache, 2 threads"}
    assert contestant.failures == dict.fromkeys(
        ("static cache, 1 thread", "static cache, 2 threads"), "RuntimeError: no C compiler"
    )


def test_sampling_is_not_compared() -> None:
    contestant = peer(replace(GREEDY, temperature=0.8, top_k=3, top_p=0.9))
    contestant._best = Variant("dynamic", 1)
    assert not contestant.is_exact
    assert len(contestant.answer(PROMPT, lambda: False).tokens) == GREEDY.max_new_tokens


def test_the_reply_ends_where_the_models_own_does() -> None:
    ending = replace(GREEDY, ignore_eos=False, raw=True, max_new_tokens=60)
    prompt = [ChatMessage("user", "def __repr__(self):\n    return ")]
    ours = ModeContestant(engine(), parse_mode("plain", ending)).answer(prompt, lambda: False)
    contestant = peer(ending)
    theirs = contestant.answer(prompt, lambda: False)
    assert ours.stop_reason == theirs.stop_reason == "eos"
    assert ours.tokens == theirs.tokens


def test_stopped_by_the_user() -> None:
    assert peer().answer(PROMPT, lambda: True).stop_reason == "cancelled"


def test_a_prompt_without_room() -> None:
    with pytest.raises(ContextFullError, match="fills the model's context of 512"):
        peer().answer([ChatMessage("user", "x y z " * 500)], lambda: False)


def test_whatever_transformers_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    contestant = peer()

    def generate(*_arguments: Any, **_options: Any) -> None:
        raise RuntimeError("no\nsuch operator")

    monkeypatch.setattr(engine().model.base, "generate", generate)
    with pytest.raises(PeerError, match="transformers failed: RuntimeError: no such operator"):
        contestant.answer(PROMPT, lambda: False)


class Ours(nn.Linear):
    """A layer that the program has put over another, for all that its module says."""


def test_layers_of_ours_are_taken_out_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ours, "__module__", "medusa_chat.models.somewhere")
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model[0].__class__ = Ours
    with stock_layers(model):
        assert type(model[0]) is nn.Linear
    assert type(model[0]) is Ours


def test_layers_of_float8_are_the_models_own() -> None:
    layer = Fp8Linear(32, 16, bias=False)
    fill(layer, torch.randn(16, 32).bfloat16())
    model = nn.Sequential(layer)
    with stock_layers(model):
        assert type(model[0]) is Fp8Linear
        assert model(torch.ones(1, 32).bfloat16()).isfinite().all()


def test_weights_that_were_packed_are_given_back(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "llama")
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    ids = torch.arange(8)[None]
    layer = model.model.layers[0].mlp.down_proj
    weight = layer.weight.detach().clone()
    expected = model(ids).logits
    lean = lean_forward_for(model, 64, 8, spare=True)
    assert not isinstance(lean, str)
    assert layer.weight.numel() == 0
    stock = stock_model(replace(engine().model, base=model))
    assert stock is model
    assert torch.equal(layer.weight, weight)
    with stock_layers(stock):
        assert {type(one) for one in stock.modules() if isinstance(one, nn.Linear)} == {nn.Linear}
        assert torch.allclose(stock(ids).logits, expected, atol=1e-5)
