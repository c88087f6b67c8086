"""The dynamic tree: MEDUSA+'s choices, the best of all paths, no value read back by the host."""

from __future__ import annotations

import heapq
import itertools

import pytest
import torch
from golden_data import read, tensors
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from medusa_chat.decoding.drafting import fill
from medusa_chat.decoding.dynamic_tree import BestFirstTree, DynamicTree
from medusa_chat.decoding.tree import Tree

CPU = torch.device("cpu")
CASES = [
    "default_k32_n64_d4_mid",
    "default_k32_n64_d4_sharp",
    "k10_n16_d4",
    "k10_n64_d4_4heads",
    "padhazard_k10_n16_d4",
]


def weights(tree: Tree, log_probs: Tensor) -> list[float]:
    """Return the log-probability of each node's path but the root's, the best first."""
    rows = log_probs.tolist()
    paths = tree.paths()[1:]
    return sorted(sum(rows[d][rank] for d, rank in enumerate(path)) for path in paths)[::-1]


def best_weights(log_probs: Tensor, count: int) -> list[float]:
    """Return the ``count`` best weights of all paths by best-first search, with no tree of ours."""
    rows = log_probs.tolist()
    found: list[float] = []
    serial = itertools.count()
    open_paths = [(-weight, next(serial), 1) for weight in rows[0]]
    heapq.heapify(open_paths)
    while open_paths and len(found) < count:
        negative, _, depth = heapq.heappop(open_paths)
        found.append(-negative)
        if depth < len(rows):
            for weight in rows[depth]:
                heapq.heappush(open_paths, (negative - weight, next(serial), depth + 1))
    return found


def assert_is_a_tree(tree: Tree, size: int) -> None:
    rebuilt = Tree.from_paths(tree.paths()[1:])
    assert tree.size == rebuilt.size == size
    for ours, expected in (
        (tree.parents, rebuilt.parents),
        (tree.depths, rebuilt.depths),
        (tree.ranks, rebuilt.ranks),
        (tree.mask, rebuilt.mask),
    ):
        assert torch.equal(ours, expected)


@pytest.mark.parametrize("name", CASES)
def test_equals_medusa_plus(name: str) -> None:
    case, recorded = read(f"medusa_plus/{name}.json"), tensors(f"medusa_plus/{name}.safetensors")
    # MEDUSA+ ranks by a softmax over the kept guesses alone.
    log_probs = recorded["topk_probs_renorm"].log()[: case["depth"]]
    tree = DynamicTree(case["node"], case["depth"], case["topk"], CPU).grow(log_probs)
    assert tree.paths()[1:] == [tuple(path) for path in case["chosen_rank_paths"]]
    assert torch.equal(tree.depths, recorded["position_ids"])
    assert torch.equal(tree.mask, recorded["attn_mask"].bool())
    root = int(recorded["tree_candidates"][0, 0])
    draft = fill(tree, root, recorded["topk_token_ids"][: case["depth"]])
    assert torch.equal(draft.tokens, recorded["tree_candidates"][0])


def test_only_paths_that_can_win_are_looked_at() -> None:
    """MEDUSA+ multiplies out 32**4 + 32**3 + 32**2 + 32 = 1,082,400 paths for these 63 nodes."""
    assert DynamicTree(64, 4, 32, CPU)._superset.size - 1 == 1338


def descending(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows).sort(dim=-1, descending=True).values


@st.composite
def shapes_and_rows(draw: st.DrawFn) -> tuple[int, Tensor]:
    """Return a size and log-probabilities in sixteenths, which add up without rounding.

    So ties abound and are exact; minus infinity is a guess that a saturated head rules out.
    """
    size, depth, guesses = (
        draw(st.integers(8, 128)),
        draw(st.integers(1, 5)),
        draw(st.integers(1, 32)),
    )
    sharpness = draw(st.sampled_from([1, 16, 400]))
    seed = draw(st.integers(0, 2**31))
    generator = torch.Generator().manual_seed(seed)
    rows = -torch.randint(0, sharpness, (depth, guesses), generator=generator) / 16
    if draw(st.booleans()):
        rows = rows.masked_fill(rows < -12, -torch.inf)
    return size, rows.sort(dim=-1, descending=True).values


@example_settings(max_examples=60)
@given(shapes_and_rows())
def test_chooses_the_best_of_all_paths(shape_and_rows: tuple[int, Tensor]) -> None:
    size, rows = shape_and_rows
    depth, guesses = rows.shape
    shape = DynamicTree(size, depth, guesses, CPU)
    tree = shape.grow(rows)
    paths_there_are = sum(guesses**length for length in range(1, depth + 1))
    assert shape.size == min(size, paths_there_are + 1)
    assert_is_a_tree(tree, shape.size)
    assert weights(tree, rows) == best_weights(rows, shape.size - 1)


@pytest.mark.parametrize(("size", "depth", "guesses"), [(64, 4, 32), (128, 5, 10), (16, 4, 10)])
@pytest.mark.parametrize("sharpness", [0.5, 3.0, 12.0])
def test_chooses_the_best_of_softmaxes(
    size: int, depth: int, guesses: int, sharpness: float
) -> None:
    generator = torch.Generator().manual_seed(size)
    logits = torch.randn(depth, 500, generator=generator) * sharpness
    rows = logits.log_softmax(-1).topk(guesses).values
    tree = DynamicTree(size, depth, guesses, CPU).grow(rows)
    assert_is_a_tree(tree, size)
    assert weights(tree, rows) == pytest.approx(best_weights(rows, size - 1), abs=1e-4)


@pytest.mark.parametrize(
    "rows",
    [
        torch.zeros(4, 32),
        torch.full((4, 32), -torch.inf),
        torch.cat([torch.zeros(4, 1), torch.full((4, 31), -torch.inf)], dim=1),
        torch.cat([torch.zeros(4, 1), torch.full((4, 31), -1e30)], dim=1),
        torch.cat([torch.full((1, 32), -torch.inf), torch.zeros(3, 32)]),
        torch.full((4, 32), -1e-30),
    ],
    ids=["even", "nothing", "one", "nearly one", "first head blind", "tiny"],
)
@pytest.mark.parametrize("size", [1, 2, 16, 64, 128])
def test_saturated_heads_and_ties_give_a_whole_tree(rows: Tensor, size: int) -> None:
    assert_is_a_tree(DynamicTree(size, 4, 32, CPU).grow(rows), size)


def test_a_tree_of_all_the_paths_there_are_is_smaller_than_asked() -> None:
    shape = DynamicTree(64, 2, 3, CPU)
    assert shape.size == 1 + 3 + 9
    assert_is_a_tree(shape.grow(descending([[-1, -2, -3], [-1, -2, -3]])), 13)


def test_grows_without_the_host_reading_a_value() -> None:
    """Tracing with fake tensors, which have no values, fails where a value would be read."""
    shape = DynamicTree(64, 4, 32, CPU)

    def grow(log_probs: Tensor) -> tuple[Tensor, ...]:
        tree = shape.grow(log_probs)
        return tree.parents, tree.depths, tree.ranks, tree.mask

    rows = torch.randn(4, 500).log_softmax(-1).topk(32).values
    traced = make_fx(grow, tracing_mode="fake", _allow_non_fake_inputs=True)(rows)
    other_rows = torch.randn(4, 500).mul(5).log_softmax(-1).topk(32).values
    for ours, expected in zip(traced(other_rows), grow(other_rows), strict=True):
        assert torch.equal(ours, expected)


def test_such_a_tracing_notices_a_value_that_is_read() -> None:
    def reads(log_probs: Tensor) -> Tensor:
        return log_probs[: int(log_probs.argmax())]

    with pytest.raises(Exception, match=r"data-dependent|DataDependent"):
        make_fx(reads, tracing_mode="fake")(torch.rand(4))


@pytest.mark.parametrize("sharpness", [0.5, 3.0, 12.0])
def test_best_first_the_beginning_of_a_tree_is_the_smaller_tree(sharpness: float) -> None:
    generator = torch.Generator().manual_seed(3)
    rows = (torch.randn(4, 500, generator=generator) * sharpness).log_softmax(-1).topk(32).values
    large = BestFirstTree(64, 4, 32, CPU).grow(rows).paths()
    assert set(large) == set(DynamicTree(64, 4, 32, CPU).grow(rows).paths())
    for size in (2, 5, 16, 33):
        small = BestFirstTree(size, min(4, size - 1), 32, CPU).grow(rows)
        assert small.paths() == large[:size]
