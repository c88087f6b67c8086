"""Keys and values: kept, moved next to the prefix, grown, and called as transformers does."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from golden_data import read, tiny_llama
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

from medusa_chat.decoding.kv_cache import TreeCache

HEADS, WIDTH = 2, 4


def rows(numbers: Sequence[int], dtype: torch.dtype = torch.float32, heads: int = HEADS) -> Tensor:
    """Return states [1, heads, n, WIDTH] whose row ``i`` is full of ``numbers[i]``."""
    column = torch.tensor(numbers, dtype=dtype)[:, None]
    return column.expand(1, heads, len(numbers), WIDTH).contiguous()


class Driven:
    """A cache as a model of two layers uses it; layer 1's rows are layer 0's plus 100."""

    def __init__(self, capacity: int, dtype: torch.dtype = torch.float32) -> None:
        self.cache = TreeCache(layers=2, capacity=capacity)
        self._dtype = dtype

    def run(self, numbers: Sequence[int]) -> None:
        """Write a step's rows, to be accepted or not."""
        for layer in range(2):
            of_layer = rows([number + 100 * layer for number in numbers], self._dtype)
            keys, values = self.cache.for_transformers.update(of_layer, -of_layer, layer)
            assert torch.equal(keys, -values)
            assert keys.dtype == self._dtype
            assert keys.shape[-2] == self.cache.length + len(numbers)

    def kept(self) -> list[int]:
        """Return the accepted rows, after a look at every copy of them."""
        self.run([])
        numbers: list[int] = []
        for layer in range(2):
            empty = rows([], self._dtype)
            keys, values = self.cache.for_transformers.update(empty, empty, layer)
            assert torch.equal(keys, -values)
            assert (keys == keys[:, :1, :, :1]).all()
            of_layer = [int(number) - 100 * layer for number in keys[0, 0, :, 0]]
            assert layer == 0 or of_layer == numbers
            numbers = of_layer
        return numbers


@pytest.mark.parametrize("case", read("medusa/unit/update_inference_inputs.json"))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_moves_the_rows_that_the_reference_moves(case: dict[str, Any], dtype: torch.dtype) -> None:
    before, sources = case["prev_len"], case["kv_source_positions_for_new_slots"]
    tree_size = read("medusa/buffers/buffers.json")[case["tree"]]["n_nodes_without_root"] + 1
    driven = Driven(64, dtype)
    # A row's number is its position, so what is kept tells where it came from.
    driven.run(range(before))
    driven.cache.keep(range(before))
    driven.run(range(before, before + tree_size))
    driven.cache.keep([position - before for position in sources])
    assert driven.cache.length == case["current_length_after"][0]
    assert driven.kept() == [*range(before), *sources]


@pytest.mark.parametrize("nodes", [[0], [0, 1, 2], [0, 2], [0, 3, 4], [0, 1, 9], [0, 2, 5, 9]])
def test_keeps_any_path(nodes: list[int]) -> None:
    driven = Driven(64)
    driven.run([50, 51])
    driven.cache.keep(range(2))
    for _ in range(3):
        driven.run(range(10))
        driven.cache.keep(nodes)
    assert driven.kept() == [50, 51, *nodes * 3]


def test_what_is_not_kept_is_written_over() -> None:
    driven = Driven(64)
    driven.run([1, 2, 3, 4])
    driven.cache.keep([0, 2])
    driven.run([7, 8])
    driven.cache.keep([0, 1])
    assert driven.kept() == [1, 3, 7, 8]


def test_truncates_to_a_prefix() -> None:
    driven = Driven(64)
    driven.run([1, 2, 3, 4])
    driven.cache.keep(range(4))
    driven.cache.truncate(2)
    assert driven.kept() == [1, 2]
    driven.cache.truncate(0)
    assert driven.kept() == []


def allotted(cache: TreeCache) -> int:
    assert cache.keys._shared is not None
    return cache.keys._shared.shape[-2]


def test_grows_by_doubling_and_keeps_what_it_holds() -> None:
    driven = Driven(capacity=700)
    sizes = []
    for start in range(0, 650, 50):
        # A rejected row in front, so that every acceptance moves rows.
        driven.run([999, *range(start % 100, start % 100 + 50)])
        driven.cache.keep(range(1, 51))
        sizes.append(allotted(driven.cache))
    assert sorted(set(sizes)) == [256, 512, 700]
    assert driven.kept() == [(start % 100) + n for start in range(0, 650, 50) for n in range(50)]


def test_a_large_first_write_is_allotted_at_once() -> None:
    driven = Driven(capacity=5000)
    driven.run([1] * 1500)
    assert allotted(driven.cache) == 2048


def test_refuses_more_rows_than_there_is_room_for() -> None:
    driven = Driven(capacity=8)
    driven.run(range(6))
    driven.cache.keep(range(6))
    with pytest.raises(AssertionError, match="9 rows in a cache of 8"):
        driven.run(range(3))


def test_layers_unlike_the_first_have_rows_of_their_own() -> None:
    """Keys of another head count, as in some models' later layers, and growth of both kinds."""
    cache = TreeCache(layers=2, capacity=600)

    def run(numbers: Sequence[int]) -> list[Tensor]:
        update = cache.for_transformers.update
        return [update(rows(numbers, heads=n), rows(numbers, heads=n), n - 1)[0] for n in (1, 2)]

    for _ in range(30):
        run(range(20))
        cache.keep([0, *range(2, 20)])
    for keys in run([]):
        assert keys[0, -1, :, 0].tolist() == [0, *range(2, 20)] * 30


class TestCanary:
    """transformers still drives a cache layer as ours expects."""

    def test_a_layer_has_no_more_to_define(self) -> None:
        layer = type(TreeCache(1, 8).for_transformers.layers[0])
        assert issubclass(layer, CacheLayerMixin)
        assert layer.__abstractmethods__ == frozenset()
        for name in ("update", "get_seq_length", "get_max_length", "get_mask_sizes"):
            theirs = inspect.signature(getattr(CacheLayerMixin, name)).parameters.values()
            ours = inspect.signature(getattr(layer, name)).parameters.values()
            named = inspect.Parameter.POSITIONAL_OR_KEYWORD
            assert [p.name for p in theirs if p.kind == named] == [
                p.name for p in ours if p.kind == named
            ]

    def test_the_cache_hands_every_question_to_the_layer(self) -> None:
        cache = TreeCache(layers=2, capacity=40)
        theirs = cache.for_transformers
        assert isinstance(theirs, Cache)
        assert len(theirs) == 2
        theirs.update(rows([1, 2, 3]), rows([1, 2, 3]), 0)
        # Nothing is accepted by a write alone.
        assert theirs.get_seq_length() == 0
        cache.keep(range(3))
        assert theirs.get_seq_length() == theirs.get_seq_length(1) == 3
        assert theirs.get_mask_sizes(5, 0) == (8, 0)
        assert theirs.get_max_length() == 40
        assert theirs.is_sliding == [False, False]

    def test_a_model_asks_for_nothing_else(self) -> None:
        """Rows forgotten and written again give the logits of a run without a cache."""
        model = tiny_llama()
        ids = torch.tensor([[1, 287, 388, 470, 373, 265]])
        cache = TreeCache(model.config.num_hidden_layers, 64)
        with torch.inference_mode():
            whole = model(ids, use_cache=False).logits[0]
            for start, end in ((0, 5), (0, 3), (3, 6)):
                cache.truncate(start)
                part = ids[:, start:end]
                got = model(part, past_key_values=cache.for_transformers).logits[0]
                cache.keep(range(end - start))
        assert cache.length == 6
        assert torch.allclose(got, whole[3:], atol=1e-4)
