"""The choice of a token against transformers' own warpers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from golden_data import read, tensors
from goodness_of_fit import assert_drawn_from, counted
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from medusa_chat.decoding.gumbel import GumbelNoise
from medusa_chat.decoding.sampling import Sampling

CPU = torch.device("cpu")
OVERWHELMING = 1e6


def warped(logits: Tensor, sampling: Sampling) -> Tensor:
    """Return ``logits`` [V] as transformers' ``generate`` would draw from them."""
    warpers: list[Any] = [TemperatureLogitsWarper(sampling.temperature)]
    if sampling.top_k:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    scores = logits[None]
    no_ids = torch.zeros(1, 0, dtype=torch.long)
    for warper in warpers:
        scores = warper(no_ids, scores)
    return scores[0]


def support(logits: Tensor, sampling: Sampling) -> list[int]:
    """Return the tokens that can be chosen: those chosen when the noise is all for them."""
    vocabulary = logits.shape[0]
    noise = torch.eye(vocabulary) * OVERWHELMING
    chosen = sampling.choose(logits.expand(vocabulary, -1), noise)
    return (chosen == torch.arange(vocabulary)).nonzero().flatten().tolist()


def kept(scores: Tensor) -> list[int]:
    return scores.isfinite().nonzero().flatten().tolist()


@st.composite
def logit_rows(draw: st.DrawFn) -> Tensor:
    """Return logits of up to 40 tokens: ties are common, some tokens are ruled out."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    vocabulary = draw(st.integers(1, 40))
    scale = draw(st.sampled_from([0.1, 1.0, 5.0, 30.0]))
    logits = torch.randn(vocabulary, generator=generator) * scale
    if draw(st.booleans()):
        logits = logits.round()
    if draw(st.booleans()):
        barred = torch.rand(vocabulary, generator=generator) < 0.4
        barred[torch.randint(vocabulary, (1,), generator=generator)] = False
        logits = logits.masked_fill(barred, -torch.inf)
    return logits


samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.1, 0.7, 0.8, 1.0, 2.5]),
    top_k=st.integers(0, 45),
    top_p=st.floats(0.01, 1.0),
)


def near_the_edge(scores: Tensor, top_p: float) -> bool:
    """Whether another order of summing could move the edge of the nucleus."""
    mass = scores.double().softmax(-1).sort(descending=True).values.cumsum(-1)
    return bool(((mass - top_p).abs() < 1e-5).any())


@given(logit_rows(), samplings)
def test_the_support_is_transformers(logits: Tensor, sampling: Sampling) -> None:
    before_nucleus = warped(logits, Sampling(sampling.temperature, sampling.top_k))
    assume(sampling.top_p == 1 or not near_the_edge(before_nucleus, sampling.top_p))
    expected = kept(warped(logits, sampling))
    ours = support(logits, sampling)
    # Of tokens that tie at the edge of the nucleus transformers keeps those that its sort happens
    # to put first; we keep all of them, so that no id is preferred.
    least = logits[expected].min()
    tied = (logits == least).nonzero().flatten().tolist()
    assert set(expected) <= set(ours) <= set(expected) | set(tied)
    if len(tied) == 1:
        assert ours == expected


@given(logit_rows(), samplings, st.integers(0, 2**63 - 1))
def test_the_choice_is_the_argmax_of_warped_logits_and_noise(
    logits: Tensor, sampling: Sampling, seed: int
) -> None:
    before_nucleus = warped(logits, Sampling(sampling.temperature, sampling.top_k))
    assume(sampling.top_p == 1 or not near_the_edge(before_nucleus, sampling.top_p))
    scores = warped(logits, sampling)
    assume(kept(scores) == support(logits, sampling))
    noise = GumbelNoise(seed, logits.shape[0], CPU).rows(torch.arange(20))
    chosen = sampling.choose(logits.expand(20, -1), noise)
    assert torch.equal(chosen, (scores + noise).argmax(-1))


@given(logit_rows(), samplings, st.integers(0, 2**31))
def test_rows_are_chosen_one_by_one_or_together_alike(
    logits: Tensor, sampling: Sampling, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.stack([logits[torch.randperm(len(logits), generator=generator)] for _ in range(5)])
    noise = GumbelNoise(seed, len(logits), CPU).rows(torch.arange(5))
    together = sampling.choose(rows, noise)
    for row in range(5):
        assert sampling.choose(rows[row, None], noise[row, None]) == together[row]


@given(logit_rows(), samplings, st.integers(0, 2**31))
def test_one_row_is_chosen_from_as_many_are(logits: Tensor, sampling: Sampling, seed: int) -> None:
    assume(not near_the_edge(warped(logits, replace(sampling, top_p=1.0)), sampling.top_p))
    noise = GumbelNoise(seed, logits.shape[0], CPU).rows(torch.arange(8))
    together = sampling.choose(logits.expand(8, -1), noise)
    assert [sampling.choose_one(logits.numpy(), row.numpy()) for row in noise] == together.tolist()
    assert Sampling().choose_one(logits.numpy(), None) == logits.argmax()


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(1.0),
        Sampling(0.8),
        Sampling(0.8, top_k=5),
        Sampling(0.8, top_p=0.8),
        Sampling(1.5, top_k=9, top_p=0.9),
        Sampling(3.0, top_p=0.5),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", [0, 7])
def test_draws_have_the_warped_distribution(sampling: Sampling, seed: int) -> None:
    logits = torch.randn(12, generator=torch.Generator().manual_seed(seed)) * 2
    logits[3] = -torch.inf
    draws = 20_000
    noise = GumbelNoise(seed, 12, CPU).rows(torch.arange(draws))
    chosen = sampling.choose(logits.expand(draws, -1), noise)
    assert_drawn_from(warped(logits, sampling).softmax(-1), counted(chosen, 12))


def test_temperature_zero_takes_the_likeliest_and_the_first_of_equals() -> None:
    logits = torch.tensor([[0.0, 2.0, 2.0], [-torch.inf, -1.0, -2.0]])
    assert Sampling().choose(logits, None).tolist() == [1, 1]


def test_a_tiny_top_p_or_a_top_k_of_one_takes_the_likeliest() -> None:
    logits = torch.randn(50, 30, generator=torch.Generator().manual_seed(0))
    noise = GumbelNoise(0, 30, CPU).rows(torch.arange(50))
    for sampling in (Sampling(1.0, top_p=1e-9), Sampling(1.0, top_k=1)):
        assert torch.equal(sampling.choose(logits, noise), logits.argmax(-1))


def test_half_precision_logits_are_drawn_from_in_single() -> None:
    logits = torch.randn(50, 30, generator=torch.Generator().manual_seed(0)).bfloat16()
    noise = GumbelNoise(0, 30, CPU).rows(torch.arange(50))
    sampling = Sampling(0.7, top_k=20, top_p=0.9)
    assert torch.equal(sampling.choose(logits, noise), sampling.choose(logits.float(), noise))


NUCLEUS_ROOTS = [
    case
    for case in read("medusa/unit/generate_candidates.json")
    if case["args"].get("sampling") == "nucleus"
]


@pytest.mark.parametrize("case", NUCLEUS_ROOTS, ids=lambda case: case["case_index"])
def test_draws_roots_from_the_references_nucleus(case: dict[str, Any]) -> None:
    logits = tensors("medusa/unit/unit_tensors.safetensors")["gc.logits"][case["case_index"], 0]
    sampling = Sampling(case["args"]["temperature"], top_p=case["args"]["top_p"])
    assert support(logits, sampling) == case["root_support"]
    recorded = torch.zeros(64, dtype=torch.float64)
    for token, probability in case["root_probs_nonzero"].items():
        recorded[int(token)] = probability
    noise = GumbelNoise(case["seed"], 64, CPU).rows(torch.arange(4000))
    chosen = sampling.choose(logits.expand(4000, -1), noise)
    assert_drawn_from(recorded, counted(chosen, 64))


@given(logit_rows(), samplings, st.integers(0, 2**31))
def test_the_device_chooses_what_the_host_does(
    logits: Tensor, sampling: Sampling, seed: int
) -> None:
    before_nucleus = warped(logits, Sampling(sampling.temperature, sampling.top_k))
    assume(sampling.top_p == 1 or not near_the_edge(before_nucleus, sampling.top_p))
    noise = GumbelNoise(seed, len(logits), CPU).rows(torch.arange(40))
    rows = logits.expand(40, -1)
    assert torch.equal(sampling.choose_on_device(rows, noise), sampling.choose(rows, noise))


@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("scale", [0.3, 3.0, 12.0])
def test_the_device_finds_the_edge_in_a_large_vocabulary(scale: float, top_p: float) -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(48, 8000, generator=generator) * scale
    noise = GumbelNoise(5, 8000, CPU).rows(torch.arange(48))
    for sampling in (Sampling(0.9, top_p=top_p), Sampling(0.9, 300, top_p)):
        chosen = sampling.choose_on_device(logits, noise)
        assert torch.equal(chosen, sampling.choose(logits, noise))
    assert torch.equal(Sampling().choose_on_device(logits, None), logits.argmax(-1))
