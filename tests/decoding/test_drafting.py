"""The heads' guesses laid out as a tree, as in the reference."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from golden_data import read, tensors
from torch import Tensor

from medusa_chat.decoding.drafting import Drafter, HeadLogits, TreeShape
from medusa_chat.decoding.dynamic_tree import DynamicTree, FixedTree
from medusa_chat.decoding.gumbel import GumbelNoise
from medusa_chat.decoding.head_vocabulary import HeadVocabulary
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.tree import Tree

CPU = torch.device("cpu")
HIDDEN = torch.zeros(1, 8)


def drafter_of(
    shape: TreeShape, heads: HeadLogits, temperature: float = 0.0, known: Tensor | None = None
) -> Drafter:
    return Drafter(shape, heads, HeadVocabulary(1000, known), temperature)


WITHOUT_RANDOMNESS = [
    case
    for case in read("medusa/unit/generate_candidates.json")
    if case["args"]["temperature"] == 0 or case["args"]["fast"]
]


@pytest.mark.parametrize(
    "case",
    WITHOUT_RANDOMNESS,
    ids=lambda case: f"{case['case_index']}-T{case['args']['temperature']}",
)
def test_guesses_what_the_reference_guesses(case: dict[str, Any]) -> None:
    inputs = tensors("medusa/unit/unit_tensors.safetensors")
    logits = inputs["gc.logits"][case["case_index"]]
    of_heads = inputs["gc.medusa_logits"][case["case_index"]][:, 0, 0]
    buffers = read("medusa/buffers/buffers.json")[case["tree"]]
    shape = FixedTree.of(Tree.from_paths(buffers["choices"]), CPU)
    drafter = drafter_of(shape, lambda _hidden, heads, _root: of_heads[:heads])
    root = int(Sampling().choose(logits, None))
    draft = drafter.draft(root, HIDDEN, None)
    assert draft.tokens.tolist() == case["tree_candidates"][0]
    paths = [
        [int(draft.tokens[node]) if node >= 0 else 0 for node in row]
        for row in buffers["retrieve_indices"]
    ]
    assert paths == case["cart_candidates"]


def test_evaluates_only_the_heads_that_the_tree_needs() -> None:
    asked = []

    def heads(hidden: Tensor, count: int, root: Tensor) -> Tensor:
        asked.append(count)
        return torch.arange(20.0).expand(count, -1)

    for paths in ([[0]], [[0], [0, 2]]):
        drafter_of(FixedTree.of(Tree.from_paths(paths), CPU), heads).draft(1, HIDDEN, None)
    drafter_of(DynamicTree(8, 3, 4, CPU), heads).draft(1, HIDDEN, None)
    assert asked == [1, 2, 3]


def test_the_root_alone_needs_no_head() -> None:
    def heads(hidden: Tensor, count: int, root: Tensor) -> Tensor:
        raise AssertionError("a head was evaluated")

    draft = drafter_of(FixedTree.of(Tree.root(), CPU), heads, 0.7).draft(5, HIDDEN, None)
    assert draft.tokens.tolist() == [5]


def test_the_noise_of_a_position_ranks_its_guesses() -> None:
    """Head d guesses the token that noise row d will decide, d + 1 places after the root's own."""
    scores = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    noise = GumbelNoise(4, 50, CPU).rows(torch.arange(10, 14))
    shape = FixedTree.of(Tree.chain(3), CPU)
    drafter = drafter_of(shape, lambda _hidden, heads, _root: scores[:heads], 0.5)
    draft = drafter.draft(0, HIDDEN, noise)
    assert draft.tokens[1:].tolist() == (scores / 0.5 + noise[:3]).argmax(-1).tolist()


def test_a_dynamic_tree_grows_where_the_heads_are_sure() -> None:
    scores = torch.zeros(3, 30)
    scores[:, 7] = 20.0
    sure = drafter_of(DynamicTree(4, 3, 8, CPU), lambda _hidden, heads, _root: scores[:heads])
    assert sure.draft(0, HIDDEN, None).tree.paths()[1:] == [(0,), (0, 0), (0, 0, 0)]
    scores[1, :15] = 20.0
    assert sure.draft(0, HIDDEN, None).tree.paths()[1:] != [(0,), (0, 0), (0, 0, 0)]


def test_probabilities_are_of_the_whole_vocabulary() -> None:
    """Over the kept guesses alone a head that has no idea would look as sure as a good one."""
    seen = []

    class Recording(DynamicTree):
        def grow(self, log_probs: Tensor) -> Tree:
            seen.append(log_probs)
            return super().grow(log_probs)

    scores = torch.zeros(2, 1000)
    drafter_of(Recording(8, 2, 4, CPU), lambda _hidden, heads, _root: scores).draft(0, HIDDEN, None)
    assert seen[0].exp().flatten().tolist() == pytest.approx([1e-3] * 8)


@pytest.mark.parametrize("guesses", [4, 12])
def test_heads_that_know_few_tokens_guess_as_if_they_knew_no_other(guesses: int) -> None:
    """With fewer tokens than guesses the last ones are tokens that have no chance."""
    known = torch.tensor([3, 900, 41, 7, 512, 640])
    of_known = torch.randn(2, 6, generator=torch.Generator().manual_seed(5))
    everything = HeadVocabulary(1000, known).whole(of_known)
    noise = GumbelNoise(4, 1000, CPU).rows(torch.arange(10, 13))
    shape = FixedTree(Tree.chain(2), guesses)
    for of_position in (None, noise):
        cut = drafter_of(shape, lambda *_: of_known, 0.8, known).draft(0, HIDDEN, of_position)
        whole = drafter_of(shape, lambda *_: everything, 0.8).draft(0, HIDDEN, of_position)
        assert cut.tokens.tolist() == whole.tokens.tolist()
        assert cut.log_probs is not None
        assert whole.log_probs is not None
        assert cut.log_probs.exp().flatten().tolist() == pytest.approx(
            whole.log_probs.exp().flatten().tolist()
        )
