"""The lean forward against the stock one and transformers' ``generate``, in float32."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from medusa_chat.decoding.decoder import Decoder
from medusa_chat.decoding.lean.forward import lean_forward_for
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.step import Forward, StockForward
from medusa_chat.decoding.tree import Tree
from medusa_chat.decoding.tree_check import defect
from medusa_chat.settings import MAX_TREE_SIZE

from ..driving import PLAIN, SHAPES, decoder_for, no_text, reply, stock_forward
from ..random_models import (
    VOCABULARY,
    OracleHeads,
    generated,
    random_heads,
    random_model,
)
from .lean_models import CONTEXT, FAMILY, built, lean, lean_forward

PROMPT = (9, 2, 60, 31, 7)
LONG = tuple(n * 7919 % VOCABULARY for n in range(1, 560))
"""Longer than a chunk of the prefill and than two windows of the cache."""
TREE = Tree.from_paths([[0], [1], [0, 0], [0, 1], [1, 0], [0, 1, 0]])


def decoder_of(architecture: str, text: Sequence[int] = ()) -> Decoder:
    """Return a decoder by the lean forward, with heads that know ``text``, if there is one."""
    forward = lean_forward(architecture)
    model = random_model(architecture)
    heads = OracleHeads(forward, list(text)) if text else random_heads(model)
    return Decoder(forward, heads, no_text)


def assert_same(forward: Forward, other: Forward, tokens: Tensor, tree: Tree) -> None:
    one, two = forward.step(tokens, tree), other.step(tokens, tree)
    torch.testing.assert_close(one.hidden, two.hidden, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(one.logits, two.logits, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("architecture", FAMILY)
def test_plain_decoding_is_transformers_generate(architecture: str) -> None:
    for prompt in (PROMPT, LONG):
        expected = generated(random_model(architecture), prompt, 40)
        decoding = reply(decoder_of(architecture), prompt)
        assert decoding.output.token_ids == expected


@pytest.mark.parametrize("architecture", FAMILY)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_tree_is_transformers_generate(architecture: str, shape: str) -> None:
    expected = generated(random_model(architecture), PROMPT, 40)
    decoder = decoder_of(architecture, [*PROMPT, *expected])
    decoding = reply(decoder, PROMPT, SHAPES[shape])
    assert decoding.output.token_ids == expected
    assert decoding.figures.tokens > 1.5 * decoding.figures.steps


@pytest.mark.parametrize("architecture", FAMILY)
def test_replies_go_on_over_the_end_of_a_window(architecture: str) -> None:
    """From 240 rows to some 540: the cache grows twice, between accepted paths."""
    prompt = LONG[:240]
    expected = generated(random_model(architecture), prompt, 300)
    forward = lean(copy.deepcopy(random_model(architecture)))
    decoder = Decoder(forward, OracleHeads(forward, [*prompt, *expected]), no_text)
    decoding = reply(decoder, prompt, SHAPES["mc_sim_7b_63"], tokens=300)
    assert decoding.output.token_ids == expected
    assert forward.cache.allotted == 1024


@pytest.mark.parametrize("architecture", FAMILY)
def test_seeded_replies_are_the_stock_forwards(architecture: str) -> None:
    model, sampling = random_model(architecture), Sampling(0.8, top_p=0.9)
    stock = decoder_for(model, random_heads(model))
    expected = reply(stock, PROMPT, PLAIN, sampling=sampling, seed=5).output.token_ids
    decoder = decoder_of(architecture, [*PROMPT, *expected])
    decoding = reply(decoder, PROMPT, SHAPES["dynamic-16"], sampling=sampling, seed=5)
    assert decoding.output.token_ids == expected


@pytest.mark.parametrize("architecture", FAMILY)
def test_numbers_after_compaction_and_rollback(architecture: str) -> None:
    ours, stock = lean_forward(architecture), stock_forward(random_model(architecture), 512)
    tokens = torch.arange(7) * 5 + 1
    for forward in (ours, stock):
        forward.truncate(0)
        forward.extend(torch.tensor(LONG[:50]))
    assert_same(ours, stock, tokens, TREE)
    for nodes in ([0, 2, 4, 6], [0], [0, 1, 3]):
        for forward in (ours, stock):
            forward.compact(nodes)
        assert_same(ours, stock, tokens, TREE)
    for forward in (ours, stock):
        forward.truncate(33)
    assert ours.length == 33
    assert_same(ours, stock, tokens, TREE)


def test_a_prefix_is_reused() -> None:
    decoder = decoder_of("llama")
    first = reply(decoder, PROMPT, tokens=8).output.token_ids
    turn = (*PROMPT, *first, 17, 3)
    again = reply(decoder, turn, tokens=12, reuse=True)
    assert again.reused_tokens >= len(PROMPT) + 7
    assert again.output.token_ids == generated(random_model("llama"), turn, 12)


def test_chunks_of_a_prompt_are_one_prompt() -> None:
    forward, ids = lean_forward("qwen2"), torch.tensor(LONG[:300])
    forward.truncate(0)
    whole = forward.extend(ids, rows=3)
    forward.truncate(0)
    for chunk in torch.split(ids[:297], 90):
        forward.extend(chunk)
    rest = forward.extend(ids[297:], rows=3)
    torch.testing.assert_close(rest.logits, whole.logits, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("rows", [1, 3, 21])
def test_a_prompt_is_run_in_few_lengths(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    forward, lengths = lean_forward("llama"), []
    forward.truncate(0)
    layered = forward._layered

    def noted(tokens: Tensor, *others: Any) -> Any:
        lengths.append(len(tokens))
        return layered(tokens, *others)

    monkeypatch.setattr(forward, "_layered", noted)
    tokens = torch.arange(21) + 3
    whole = forward.extend(tokens, rows)
    assert forward.length == 21
    after = forward.extend(torch.tensor([5]))
    forward.truncate(0)
    one_by_one = [forward.extend(tokens[at : at + 1]).logits[0] for at in range(21)]
    assert whole.logits.shape[0] == whole.hidden.shape[0] == rows
    expected = torch.stack(one_by_one[-rows:])
    torch.testing.assert_close(whole.logits, expected, rtol=1e-4, atol=1e-3)
    again = forward.extend(torch.tensor([5]))
    torch.testing.assert_close(after.logits, again.logits, rtol=1e-4, atol=1e-3)
    assert lengths[0] == 32
    assert set(lengths[1:]) == {1}


def test_a_step_accepts_nothing() -> None:
    forward = lean_forward("llama")
    forward.truncate(0)
    forward.extend(torch.tensor([1, 2, 3]))
    tree = Tree.from_paths([[0], [1]])
    once = forward.step(torch.tensor([4, 5, 6]), tree)
    again = forward.step(torch.tensor([4, 5, 6]), tree)
    assert forward.length == 3
    assert torch.equal(once.logits, again.logits)


def test_a_tree_may_reach_past_the_last_position() -> None:
    """The prefix fills the context but for the root; the guesses have nowhere to go."""
    forward = lean(copy.deepcopy(random_model("llama")), 16)
    forward.extend(torch.arange(15))
    plain = forward.step(torch.tensor([20]), Tree.root()).logits
    widest = Tree.from_paths([[rank] for rank in range(MAX_TREE_SIZE - 1)])
    output = forward.step(torch.full((MAX_TREE_SIZE,), 20), widest)
    torch.testing.assert_close(output.logits[0], plain[0], rtol=1e-4, atol=1e-4)
    assert output.logits.isfinite().all()


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("llama", {"tie_word_embeddings": True}),
    ("llama", {"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True}),
    ("llama", {"num_key_value_heads": 4, "head_dim": 32}),
    ("qwen2", {"tie_word_embeddings": True}),
    ("qwen3", {"head_dim": 32, "attention_bias": True}),
    ("mistral", {"sliding_window": CONTEXT, "head_dim": 8}),
    ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}}),
    (
        "llama",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 50000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 128,
            }
        },
    ),
    (
        "qwen3",
        {
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 256,
            }
        },
    ),
]


@pytest.mark.parametrize("spare", [False, True], ids=["kept", "spare"])
@pytest.mark.parametrize(("architecture", "options"), OPTIONS)
def test_variants(architecture: str, options: dict[str, Any], spare: bool) -> None:
    untouched = built(architecture, **options)
    stock = StockForward(untouched, CONTEXT, MAX_TREE_SIZE)
    forward = lean(copy.deepcopy(untouched), spare=spare)
    for one in (forward, stock):
        one.extend(torch.tensor(LONG[:300]) % 96)
    assert_same(forward, stock, torch.arange(7) * 5, TREE)
    for one in (forward, stock):
        one.compact([0, 2, 4])
    assert_same(forward, stock, torch.tensor([8]), Tree.root())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("architecture", FAMILY)
def test_sixteen_bits_are_close(architecture: str, dtype: torch.dtype) -> None:
    float32 = built(architecture, initializer_range=0.1)
    model = copy.deepcopy(float32).to(dtype)
    precise = StockForward(float32, CONTEXT, MAX_TREE_SIZE)
    stock = StockForward(copy.deepcopy(model), CONTEXT, MAX_TREE_SIZE)
    forward = lean(model)
    tokens = torch.arange(7) * 5
    logits = []
    for one in (precise, stock, forward):
        one.extend(torch.tensor(LONG[:40]) % 96)
        logits.append(one.step(tokens, TREE).logits)
    assert logits[2].dtype == torch.float32
    error_of_stock, error = ((one - logits[0]).norm() for one in logits[1:])
    # Both round; neither should be the worse by much.
    assert error < 1.5 * error_of_stock
    assert defect(model, forward) is None


def test_a_model_that_computes_something_else_is_refused() -> None:
    """As if another version of transformers had changed what its Llama does."""
    model = copy.deepcopy(random_model("llama"))
    attention = model.model.layers[1].self_attn
    forward = type(attention).forward
    attention.forward = lambda *args, **kwargs: (
        forward(attention, *args, **kwargs)[0] * 1.1,
        None,
    )
    reason = lean_forward_for(model, CONTEXT, MAX_TREE_SIZE)
    assert isinstance(reason, str)
    assert "its logits came out differently" in reason
    assert defect(model, StockForward(model, CONTEXT, MAX_TREE_SIZE)) is None
