"""Rows kept, moved next to the prefix, and grown."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from golden_data import read

from medusa_chat.decoding.lean.cache import LeanCache

LAYERS, HEADS, WIDTH = 3, 2, 4


def empty(capacity: int) -> LeanCache:
    return LeanCache(LAYERS, HEADS, WIDTH, capacity, torch.zeros(1))


def run(cache: LeanCache, numbers: Sequence[int]) -> None:
    """Write a step's rows: a row's number is in all its places, layers 100 apart."""
    cache.reserve(len(numbers))
    column = torch.tensor(numbers, dtype=torch.float32)[:, None]
    places = cache.places(len(numbers))
    for layer in range(LAYERS):
        of_layer = (column + 100 * layer).expand(HEADS, -1, WIDTH)
        places.put(layer, torch.cat([of_layer, -of_layer]))
        keys, values = places.keys[layer], places.values[layer]
        assert keys.shape == (HEADS, cache.length + len(numbers), WIDTH)
        assert torch.equal(keys, -values)


def kept(cache: LeanCache) -> list[int]:
    """Return the accepted rows, after a look at every copy of them."""
    places = cache.places(0)
    keys, values = places.keys, places.values
    numbers: list[int] = keys[0][0, :, 0].int().tolist()
    for layer in range(LAYERS):
        assert torch.equal(keys[layer], -values[layer])
        assert (keys[layer] == keys[layer][:1, :, :1]).all()
        assert (keys[layer][0, :, 0] - 100 * layer).int().tolist() == numbers
    return numbers


@pytest.mark.parametrize("case", read("medusa/unit/update_inference_inputs.json"))
def test_moves_the_rows_that_the_reference_moves(case: dict[str, object]) -> None:
    before, sources = case["prev_len"], case["kv_source_positions_for_new_slots"]
    assert isinstance(before, int)
    assert isinstance(sources, list)
    size = read("medusa/buffers/buffers.json")[case["tree"]]["n_nodes_without_root"] + 1
    cache = empty(200)
    run(cache, range(before))
    cache.keep(range(before))
    run(cache, range(before, before + size))
    cache.keep([position - before for position in sources])
    assert kept(cache) == [*range(before), *sources]


@pytest.mark.parametrize("nodes", [[0], [0, 1, 2], [0, 2], [0, 3, 4], [0, 1, 9], [0, 2, 5, 9]])
def test_keeps_any_path(nodes: list[int]) -> None:
    cache = empty(64)
    run(cache, [50, 51])
    cache.keep(range(2))
    for _ in range(3):
        run(cache, range(10))
        cache.keep(nodes)
    assert kept(cache) == [50, 51, *nodes * 3]
    cache.truncate(3)
    run(cache, [7])
    cache.keep([0])
    assert kept(cache) == [50, 51, nodes[0], 7]


def test_grows_by_doubling_and_keeps_what_it_holds() -> None:
    cache = empty(700)
    sizes = [cache.allotted]
    for start in range(0, 650, 50):
        run(cache, [99, *range(start % 100, start % 100 + 50)])
        cache.keep(range(1, 51))
        sizes.append(cache.allotted)
    assert sorted(set(sizes)) == [0, 256, 512, 700]
    assert kept(cache) == [(start % 100) + n for start in range(0, 650, 50) for n in range(50)]


def test_a_large_first_write_is_allotted_at_once() -> None:
    cache = empty(5000)
    assert cache.reserve(1500)
    assert cache.allotted == 2048
    assert not cache.reserve(2048)


def test_refuses_more_rows_than_there_is_room_for() -> None:
    cache = empty(8)
    run(cache, range(6))
    cache.keep(range(6))
    with pytest.raises(AssertionError, match="9 rows in a cache of 8"):
        cache.reserve(3)


def test_a_window_holds_what_a_step_needs() -> None:
    cache = empty(700)
    run(cache, range(600))
    cache.keep(range(600))
    assert cache.window(1) == 700
    cache.truncate(300)
    assert cache.window(200) == 512
    assert cache.window(213) == 700
    cache.truncate(10)
    assert cache.window(64) == 256


def test_a_window_is_written_where_it_is_told() -> None:
    cache = empty(600)
    run(cache, range(10))
    cache.keep(range(10))
    places = cache.windowed_places(torch.tensor([10, 11]), 256)
    for layer in range(LAYERS):
        assert places.keys[layer].shape == (HEADS, 256, WIDTH)
        states = torch.tensor([90.0, 91.0])[:, None].expand(2 * HEADS, -1, WIDTH) + 100 * layer
        states = torch.cat([states[:HEADS], -states[HEADS:]])
        places.put(layer, states)
    cache.keep([0, 1])
    assert kept(cache) == [*range(10), 90, 91]


@pytest.mark.parametrize("nodes", [[0], [0, 1, 2], [0, 2, 5], [0, 3, 4, 6]])
def test_a_path_is_moved_on_the_device_as_it_is_kept(nodes: list[int]) -> None:
    """The path is padded: what lies behind the accepted rows may be anything."""
    caches = [LeanCache(2, 2, 4, 300, torch.zeros(1)) for _ in range(2)]
    for cache in caches:
        cache.reserve(12)
        cache.rows.copy_(torch.randn(cache.rows.shape, generator=torch.Generator().manual_seed(1)))
        cache.keep(range(5))
    caches[0].keep(nodes)
    path = torch.tensor([*nodes, 0, 0, 0])[:5]
    caches[1].move(path, torch.tensor([5]))
    caches[1].accept(len(nodes))
    assert caches[0].length == caches[1].length == 5 + len(nodes)
    kept = [cache.rows[:, :, : cache.length] for cache in caches]
    assert torch.equal(*kept)
