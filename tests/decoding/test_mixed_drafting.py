"""Drafts from all sources change the speed of a reply and nothing else; what they learn and forget.

Greedy replies equal those of transformers' ``generate``; seeded ones equal plain decoding's.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import torch
from golden_data import head_logits, read, tiny_llama, tiny_llama_heads
from torch import Tensor

from medusa_chat.decoding import decoder as decoder_module
from medusa_chat.decoding.acceptance import Draft, Typical
from medusa_chat.decoding.decoder import Decoder, Decoding
from medusa_chat.decoding.mixed_drafting import MixedDrafter, depth_for
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.source import Source

from .driving import CPU, GREEDY, PLAIN, SHAPES, decoder_for, no_text, reply
from .random_models import (
    ARCHITECTURES,
    VOCABULARY,
    OracleHeads,
    generated,
    random_heads,
    random_model,
)
from .scripted_forward import ScriptedForward

TOKENS = 32
PROMPTS = [(9, 2, 60, 31, 7), tuple(n * 7919 % VOCABULARY for n in range(1, 50))]
WARM = [Sampling(0.8), Sampling(0.8, top_p=0.9), Sampling(0.8, top_k=20, top_p=0.8)]
GOLDEN_PROMPTS: list[list[int]] = [
    item["prompt_ids"] for item in read("medusa/gen/tiny-llama.json")["items"]
]


def mixed(
    size: int, *, heads: int = 4, lookup: bool = True, vocabulary: int = VOCABULARY
) -> MixedTree:
    return MixedTree(size, depth_for(size, heads), heads, vocabulary, CPU, lookup=lookup)


MODES = {
    "all-8": mixed(8),
    "all-64": mixed(64),
    "bigram-16": mixed(16, lookup=False),
    "all-16-no-heads": mixed(16, heads=0),
    "bigram-8-no-heads": mixed(8, heads=0, lookup=False),
    "all-2": mixed(2),
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("mode", MODES)
def test_greedy_drafts_are_transformers_generate(architecture: str, mode: str) -> None:
    model = random_model(architecture)
    for prompt in PROMPTS:
        expected = generated(model, prompt, TOKENS)
        decoder = decoder_for(model, random_heads(model))
        decoder.head_logits = OracleHeads(decoder.forward, [*prompt, *expected])
        knowing = reply(decoder, prompt, MODES[mode], tokens=TOKENS)
        assert knowing.output.token_ids == expected
        again = reply(decoder, prompt, MODES[mode], tokens=TOKENS, reuse=True)
        assert again.output.token_ids == expected


@pytest.mark.parametrize("sampling", WARM, ids=range(len(WARM)))
@pytest.mark.parametrize("mode", MODES)
def test_seeded_drafts_are_seeded_plain_decoding(mode: str, sampling: Sampling) -> None:
    model = random_model("llama")
    decoder = decoder_for(model, random_heads(model))
    for seed, prompt in enumerate(PROMPTS):
        expected = reply(decoder, prompt, sampling=sampling, seed=seed, tokens=TOKENS)
        drafted = reply(decoder, prompt, MODES[mode], sampling=sampling, seed=seed, tokens=TOKENS)
        assert drafted.output.token_ids == expected.output.token_ids


@pytest.mark.parametrize("mode", ["all-16-no-heads", "all-64"])
def test_a_repetition_penalty_is_kept_to(mode: str) -> None:
    model, penalty = random_model("llama"), 1.3
    decoder = decoder_for(model, random_heads(model))
    for prompt in PROMPTS:
        expected = generated(model, prompt, TOKENS, penalty)
        sampling = Sampling(repetition_penalty=penalty)
        drafted = reply(decoder, prompt, MODES[mode], sampling=sampling, tokens=TOKENS)
        assert drafted.output.token_ids == expected


def test_typical_acceptance_takes_such_drafts() -> None:
    model = random_model("llama")
    decoder = decoder_for(model, random_heads(model))
    sampling, typical = Sampling(0.8), Typical(0.8, 0.09, 0.3)
    drafted = reply(
        decoder, PROMPTS[0], MODES["all-16-no-heads"], sampling=sampling, typical=typical
    )
    assert drafted.figures.tokens == 40


def test_a_context_is_filled_to_the_last_token() -> None:
    model = random_model("llama")
    decoder = decoder_for(model, random_heads(model), context_tokens=48)
    plain = reply(decoder, PROMPTS[0], tokens=100)
    drafted = reply(decoder, PROMPTS[0], MODES["all-64"], tokens=100)
    assert drafted.output.stop_reason == "context"
    assert drafted.output.token_ids == plain.output.token_ids


def scripted(text: bytes) -> Decoder:
    """Return a decoder without heads that goes on with ``text``."""

    def no_heads(hidden: Tensor, count: int, root: Tensor) -> Tensor:
        raise AssertionError("a head was evaluated")

    return Decoder(ScriptedForward([*text]), no_heads, no_text)


def test_without_heads_the_text_itself_is_drafted_from() -> None:
    text = b"The cat sat on the mat. " * 8
    shape = mixed(8, heads=0, vocabulary=256)
    decoding = reply(scripted(text), [*text[:40]], shape, tokens=150)
    assert decoding.output.token_ids == [*text[40:190]]
    assert decoding.figures.accepted_per_step is not None
    assert decoding.figures.accepted_per_step > 5


def test_one_token_over_and_over_is_drafted_from_itself() -> None:
    text = b"abc" + b"x" * 100
    decoding = reply(scripted(text), [*text[:5]], mixed(8, heads=0, vocabulary=256), tokens=80)
    assert decoding.figures.accepted_per_step is not None
    assert decoding.figures.accepted_per_step > 4


def golden_decoder(context_tokens: int = 512) -> Decoder:
    """Return a decoder; those of the same context share a forward, so one must not go on."""
    heads = head_logits(tiny_llama_heads(), tiny_llama())
    return decoder_for(tiny_llama(), heads, context_tokens)


def counts(decodings: Sequence[Decoding]) -> list[tuple[int, ...]]:
    return [decoding.figures.accepted_counts for decoding in decodings]


def test_what_one_run_taught_does_not_serve_the_next() -> None:
    decoder, shape = golden_decoder(), mixed(16, vocabulary=512)
    runs = [[reply(decoder, prompt, shape) for prompt in GOLDEN_PROMPTS[:3]] for _ in range(2)]
    assert counts(runs[0]) == counts(runs[1])
    one_alone = reply(golden_decoder(), GOLDEN_PROMPTS[2], shape)
    assert counts([one_alone]) == counts(runs[0])[2:]


def test_a_kept_prefix_keeps_what_it_taught() -> None:
    decoder, shape = golden_decoder(), mixed(16, vocabulary=512)
    first = reply(decoder, GOLDEN_PROMPTS[0], shape, tokens=60)
    turn = [*GOLDEN_PROMPTS[0], *first.output.token_ids, *GOLDEN_PROMPTS[0]]
    kept = reply(decoder, turn, shape, tokens=40, reuse=True)
    assert kept.reused_tokens > 50
    assert decoder.history.length == len(decoder.cached) >= len(turn) + 39
    afresh = reply(golden_decoder(), turn, shape, tokens=40)
    assert kept.output.token_ids == afresh.output.token_ids
    steps, others = kept.figures.steps, afresh.figures.steps
    assert abs(steps - others) <= 2


def test_turns_with_medusa_off_and_on_follow_each_other() -> None:
    """What was decoded plainly is known by its tokens alone; the text stays the same."""
    decoder, shape = golden_decoder(), mixed(16, vocabulary=512)
    other = golden_decoder(511)
    for prompt, sampling in zip(GOLDEN_PROMPTS, itertools.cycle([GREEDY, WARM[0]]), strict=False):
        turn = list(prompt)
        for drafts in (shape, PLAIN, shape, SHAPES["dynamic-8"], PLAIN, shape):
            decoding = reply(decoder, turn, drafts, sampling=sampling, tokens=12, reuse=True)
            expected = reply(other, turn, sampling=sampling, tokens=12)
            assert decoding.output.token_ids == expected.output.token_ids
            length = decoder.history.length
            assert decoder.history.lookup.tokens == decoder.cached[:length]
            turn = [*turn, *decoding.output.token_ids, 40 + len(turn) % 9]


def test_retrying_begins_where_the_first_try_did() -> None:
    decoder, shape = golden_decoder(), mixed(16, vocabulary=512)
    prompt = GOLDEN_PROMPTS[5]
    first = reply(decoder, prompt, shape, tokens=60)
    retried = reply(decoder, prompt, shape, tokens=60, reuse=True)
    assert retried.output.token_ids == first.output.token_ids
    # The count of how chains did goes on, the table and the places do not.
    assert abs(retried.figures.steps - first.figures.steps) <= 3


def test_every_source_is_accepted_from(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: set[Source] = set()
    draft, learn = MixedDrafter.draft, MixedDrafter.learn
    last: list[Draft] = []

    def noting_draft(drafter: MixedDrafter, *arguments: object) -> Draft:
        last[:] = [draft(drafter, *arguments)]  # type: ignore[arg-type]
        return last[0]

    def noting_learn(
        drafter: MixedDrafter, tokens: Sequence[int], logits: Tensor, root: int
    ) -> None:
        tree, node = last[0].tree, 0
        assert last[0].sources is not None
        for token in tokens[1:]:
            of_node = (tree.parents == node) & (last[0].tokens == token)
            of_node[0] = False
            (node,) = of_node.nonzero().flatten().tolist()
            accepted.add(Source(int(last[0].sources[node])))
        learn(drafter, tokens, logits, root)

    monkeypatch.setattr(MixedDrafter, "draft", noting_draft)
    monkeypatch.setattr(MixedDrafter, "learn", noting_learn)
    decoder = golden_decoder()
    for prompt in GOLDEN_PROMPTS[:6]:
        reply(decoder, prompt, mixed(64, vocabulary=512), tokens=60)
    assert accepted == {Source.HEAD, Source.BIGRAM, Source.LOOKUP}


def test_a_gpu_draws_up_the_same_drafts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU runs, here on the CPU: the same text in as many steps, or nearly."""
    decoder, shape = golden_decoder(), mixed(32, vocabulary=512)
    expected = reply(decoder, GOLDEN_PROMPTS[0], shape, tokens=60)
    monkeypatch.setattr(MixedDrafter, "_grow_on_host", MixedDrafter._grow_on_device)
    other = reply(decoder, GOLDEN_PROMPTS[0], shape, tokens=60)
    assert other.output.token_ids == expected.output.token_ids
    assert abs(other.figures.steps - expected.figures.steps) <= 1
    assert torch.is_inference_mode_enabled() is False


def test_of_a_long_prompt_no_more_is_learnt_at_once_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoder_module, "_LEARNT_LOGITS", 512 * 10)
    decoder, shape = golden_decoder(), mixed(16, vocabulary=512)
    prompt = [1, *range(40, 80)]
    drafted = reply(decoder, prompt, shape, tokens=20)
    known = decoder.history.table.lifts[1 : len(prompt) + 1].amax(1) > 0
    assert known.tolist() == [False] * 31 + [True] * 10
    assert decoder.history.lookup.tokens[:41] == prompt
    assert drafted.output.token_ids == reply(decoder, prompt, tokens=20).output.token_ids
