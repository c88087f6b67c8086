"""With a repetition penalty, too, Medusa changes the speed of a reply and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import RepetitionPenaltyLogitsProcessor

from medusa_chat.decoding import stepping
from medusa_chat.decoding.acceptance import Draft, Typical
from medusa_chat.decoding.decoder import Decoder
from medusa_chat.decoding.repetition_penalty import RepetitionPenalty
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.tree import Path, Tree

from .driving import CPU, PLAIN, SHAPES, decoder_for, reply
from .random_models import (
    ARCHITECTURES,
    VOCABULARY,
    OracleHeads,
    generated,
    random_heads,
    random_model,
)

TOKENS = 32
PENALTIES = [0.8, 1.1, 1.5]
PROMPTS = [(9, 2, 60, 31, 7), tuple(n * 7919 % VOCABULARY for n in range(1, 30))]


def oracle(architecture: str, prompt: Sequence[int], text: Sequence[int]) -> Decoder:
    """Return a decoder whose heads know that ``text`` follows ``prompt``."""
    decoder = decoder_for(random_model(architecture), random_heads(random_model(architecture)))
    decoder.head_logits = OracleHeads(decoder.forward, [*prompt, *text])
    return decoder


def greedy(penalty: float) -> Sampling:
    return Sampling(repetition_penalty=penalty)


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    """Return a tree with its tokens filled in; the same token often stands on a path twice."""
    paths: set[Path] = set()
    for path in draw(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), max_size=12)):
        paths |= {tuple(path[:length]) for length in range(1, len(path) + 1)}
    tree = Tree.from_paths(paths)
    tokens = draw(st.lists(st.integers(0, 11), min_size=tree.size, max_size=tree.size))
    return Draft(tree, torch.tensor(tokens))


def penalised(logits: Tensor, tokens: Sequence[int], penalty: float) -> Tensor:
    """Return what transformers makes of ``logits`` [V] behind ``tokens``."""
    processor = RepetitionPenaltyLogitsProcessor(penalty)
    scores: Tensor = processor(torch.tensor([tokens]), logits[None].clone())
    return scores[0]


@given(
    drafts(),
    st.lists(st.integers(0, 11), min_size=1, max_size=6),
    st.lists(st.integers(0, 11), max_size=4),
    st.sampled_from([0.8, 1.05, 1.3, 1.5]),
    st.integers(0, 2**31),
)
def test_every_node_has_the_past_of_its_own_path(
    draft: Draft, prompt: list[int], said: list[int], penalty: float, seed: int
) -> None:
    logits = torch.randn(draft.tree.size, 12, generator=torch.Generator().manual_seed(seed))
    logits[:, seed % 12] = -torch.inf
    before = logits.clone()
    tested = RepetitionPenalty(penalty, prompt, 12, CPU)
    for token in said:
        tested.add([token])
    of_nodes = tested.after_nodes(logits, draft)
    for node in range(draft.tree.size):
        path = draft.tokens[draft.tree.mask[node]].tolist()
        expected = penalised(logits[node], [*prompt, *said, *path], penalty)
        assert torch.equal(of_nodes[node], expected)
        assert torch.equal(tested.after_node(logits, draft, node)[0], expected)
        text = penalised(logits[node], [*prompt, *said], penalty)
        assert torch.equal(tested.after_text(logits)[node], text)
    assert torch.equal(logits, before)


def test_a_token_that_can_be_read_but_not_said() -> None:
    penalty = RepetitionPenalty(2.0, [0, 7], 4, CPU)
    assert penalty.after_text(torch.tensor([[1.0, 1.0, -1.0, 1.0]])).tolist() == [
        [0.5, 1.0, -1.0, 1.0]
    ]


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_plain_decoding_is_transformers_generate(architecture: str, penalty: float) -> None:
    model = random_model(architecture)
    decoder = decoder_for(model, random_heads(model))
    changed = 0
    for prompt in PROMPTS:
        expected = generated(model, prompt, TOKENS, penalty)
        decoding = reply(decoder, prompt, sampling=greedy(penalty), tokens=TOKENS)
        assert decoding.output.token_ids == expected
        changed += expected != generated(model, prompt, TOKENS)
    assert changed, "the penalty makes no difference"


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_greedy_medusa_is_transformers_generate(shape: str, penalty: float) -> None:
    model = random_model("llama")
    steps = 0
    for prompt in PROMPTS:
        expected = generated(model, prompt, TOKENS, penalty)
        decoder = oracle("llama", prompt, expected)
        knowing = reply(decoder, prompt, SHAPES[shape], sampling=greedy(penalty), tokens=TOKENS)
        assert knowing.output.token_ids == expected
        steps += knowing.figures.steps
        decoder = decoder_for(model, random_heads(model))
        guessing = reply(decoder, prompt, SHAPES[shape], sampling=greedy(penalty), tokens=10)
        assert guessing.output.token_ids == expected[:10]
    # Otherwise no path has been accepted whose nodes count.
    assert len(PROMPTS) * TOKENS / steps > 1.3


@pytest.mark.parametrize("shape", ["mc_sim_7b_63", "dynamic-16", "chain"])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_seeded_medusa_is_seeded_plain_decoding(shape: str, penalty: float) -> None:
    model = random_model("llama")
    for seed, prompt in enumerate(PROMPTS):
        sampling = Sampling(0.8, top_k=20, top_p=0.9, repetition_penalty=penalty)
        decoder = decoder_for(model, random_heads(model))
        plain = reply(decoder, prompt, PLAIN, sampling=sampling, seed=seed, tokens=TOKENS)
        expected = plain.output.token_ids
        decoder = oracle("llama", prompt, expected)
        medusa = reply(decoder, prompt, SHAPES[shape], sampling=sampling, seed=seed, tokens=TOKENS)
        assert medusa.output.token_ids == expected
        assert medusa.figures.steps < TOKENS
        unpenalised = Sampling(0.8, top_k=20, top_p=0.9)
        decoder = decoder_for(model, random_heads(model))
        other = reply(decoder, prompt, PLAIN, sampling=unpenalised, seed=seed, tokens=TOKENS)
        assert other.output.token_ids != expected


def test_drawing_on_the_walked_path_alone_is_drawing_at_every_node() -> None:
    """A CPU draws at the nodes it walks, a GPU at all: both from the same."""
    model, prompt = random_model("llama"), PROMPTS[0]
    sampling = Sampling(0.8, repetition_penalty=1.3)
    decoder = decoder_for(model, random_heads(model))
    decoding = reply(decoder, prompt, SHAPES["dynamic-16"], sampling=sampling, tokens=8)
    draft = Draft(SHAPES["chain"].grow(torch.zeros(4, 1)), torch.tensor([5, 9, 5, 9, 1]))
    noise = torch.zeros(5, VOCABULARY)
    output = decoder.forward.step(draft.tokens, draft.tree)
    penalty = RepetitionPenalty(1.3, [*prompt, *decoding.output.token_ids], VOCABULARY, CPU)
    chosen = sampling.choose(penalty.after_nodes(output.logits, draft), noise)
    for node in range(5):
        row = penalty.after_node(output.logits, draft, node)
        assert sampling.choose(row, noise[node, None]) == chosen[node]


def test_typical_acceptance_is_penalised_as_well() -> None:
    """When no guess is plausible enough what is left is its greedy root."""
    model = random_model("llama")
    for prompt in PROMPTS:
        expected = generated(model, prompt, TOKENS, 1.5)
        decoder = oracle("llama", prompt, expected)
        strict = Typical(0.8, epsilon=1.0, delta=1e9)
        decoding = reply(
            decoder,
            prompt,
            SHAPES["dynamic-16"],
            sampling=Sampling(0.8, repetition_penalty=1.5),
            tokens=TOKENS,
            typical=strict,
        )
        assert decoding.output.token_ids == expected


def test_a_second_turn_counts_the_whole_conversation() -> None:
    """Also what is in the cache already, and is not run again."""
    model = random_model("llama")
    first = reply(decoder_for(model, random_heads(model)), PROMPTS[0], tokens=12)
    second = (*PROMPTS[0], *first.output.token_ids, 33, 34)
    expected = generated(model, second, TOKENS, 1.3)
    decoder = oracle("llama", second, expected)
    reply(decoder, PROMPTS[0], SHAPES["dynamic-16"], sampling=greedy(1.3), tokens=12)
    for shape in (SHAPES["dynamic-16"], PLAIN):
        again = reply(decoder, second, shape, sampling=greedy(1.3), tokens=TOKENS, reuse=True)
        assert again.reused_tokens > 0
        assert again.output.token_ids == expected


def test_without_a_penalty_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a penalty of 1 costs something")

    monkeypatch.setattr(stepping, "RepetitionPenalty", refuse)
    model = random_model("llama")
    decoder = decoder_for(model, random_heads(model))
    assert reply(decoder, PROMPTS[0], SHAPES["chain"], tokens=4).figures.tokens == 4
