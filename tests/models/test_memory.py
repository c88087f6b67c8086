"""The estimate of what a model takes: its parts, and its verdicts. Measured in its own file."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import save_base

from medusa_chat.decoding.kv_cache import TreeCache
from medusa_chat.decoding.lean.weights import layer_weights
from medusa_chat.models import registry
from medusa_chat.models.base_model import load_base
from medusa_chat.models.device import Placement
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.int8_heads import Int8Heads
from medusa_chat.models.memory import (
    NF4_BYTES,
    NF4_JOINED_BYTES,
    Choice,
    Footprint,
    LoadPlan,
    best,
    choices,
    footprint,
    footprint_of_files,
    takes_4_bits_on_a_cpu,
    verdict,
)
from medusa_chat.models.shape import HeadShape, ModelShape, shape_of
from medusa_chat.settings import DType, Quantization

SHAPE = ModelShape(64, 3, 4, 2, 128, 512)
CUDA = LoadPlan("cuda", context_tokens=1000)
CPU = LoadPlan("cpu", context_tokens=1000)


def seven_billion() -> ModelShape:
    known = registry.find("FasterDecoding/medusa-v1.0-vicuna-7b-v1.5")
    assert known is not None
    assert known.shape is not None
    return known.shape


def vicuna(plan: LoadPlan) -> Footprint:
    return footprint(seven_billion(), HeadShape(5), plan)


@pytest.mark.parametrize(
    ("quantization", "dtype", "gigabytes"),
    [
        # 6.476 billion weights in the blocks' matrices, 0.262 besides.
        ("none", "float32", 26.954),
        ("none", "float16", 13.477),
        ("8bit", "float16", 7.0057),
        ("fp8", "bfloat16", 7.0057),
        ("4bit", "float16", 4.074),
    ],
)
def test_weights_of_seven_billion(
    quantization: Quantization, dtype: DType, gigabytes: float
) -> None:
    plan = dataclasses.replace(CUDA, quantization=quantization, dtype=dtype)
    made = footprint(seven_billion(), None, plan)
    assert made.weights_bytes / 1e9 == pytest.approx(gigabytes, rel=1e-3)
    assert made.heads_bytes == 0


def test_bytes_of_a_4_bit_weight() -> None:
    assert math.isclose(8 * NF4_BYTES, 4 + 8 / 64 + 32 / 64 / 256)
    assert math.isclose(8 * NF4_JOINED_BYTES, 4 + 32 / 64)


@pytest.mark.parametrize("quantization", ["4bit", "fp8"])
def test_joined_layers_are_as_large_as_the_real_ones(
    quantization: Quantization, tmp_path: Path
) -> None:
    """As they are joined on CUDA; a CPU's own layout of 4 bits comes with a first run alone."""
    if quantization == "4bit":
        pytest.importorskip("bitsandbytes")
    fields = {"hidden_size": 128, "intermediate_size": 256, "num_key_value_heads": 2}
    folder = save_base(tmp_path / "base", "llama", **fields)
    model = load_base(folder, torch.bfloat16, Placement(torch.device("cpu")), quantization)
    for layer in model.model.layers:
        layer_weights(layer, spare=True)
    shape = shape_of(model.config.to_dict())
    assert shape is not None
    plan = LoadPlan("cuda", 1, quantization, "bfloat16")
    estimate = footprint(shape, None, plan).weights_bytes
    # A small layer has fewer blocks than one of the scales of scales is for.
    assert estimate == pytest.approx(_stored(model), rel=0.01)


def _stored(model: Any) -> int:
    """Return the bytes of all that a model keeps, each once."""
    tensors = list(model.parameters())
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            fine = () if state.state2 is None else (state.state2.absmax,)
            tensors += [state.absmax, *fine]
    return sum(one.nbytes for one in tensors)


@pytest.mark.parametrize(("device", "size"), [("cpu", 4), ("cuda", 2)])
def test_usual_precision(device: str, size: int) -> None:
    plan = LoadPlan("cpu" if device == "cpu" else "cuda", 1)
    assert plan.dtype_bytes == size


def test_small_models_are_kept_twice_on_a_cpu() -> None:
    def weights(plan: LoadPlan, shape: ModelShape = SHAPE) -> int:
        return footprint(shape, None, plan).weights_bytes

    output = SHAPE.vocabulary * SHAPE.hidden * 4
    assert weights(CPU) == 4 * SHAPE.parameters + 4 * SHAPE.linear_parameters + output
    assert 2 * weights(dataclasses.replace(CPU, dtype="bfloat16")) == weights(CPU)
    assert weights(dataclasses.replace(CPU, dtype="float16")) == 2 * SHAPE.parameters
    assert weights(CUDA) == 2 * SHAPE.parameters
    assert weights(CPU, seven_billion()) == 4 * seven_billion().parameters


@pytest.mark.parametrize("rows", [1, 128, 129, 256, 300])
def test_cache_is_as_large_as_the_real_one(rows: int) -> None:
    context = 300
    cache = TreeCache(SHAPE.layers, context + 128)
    states = torch.zeros(1, SHAPE.kv_heads, rows, SHAPE.key_width // SHAPE.kv_heads)
    for layer in range(SHAPE.layers):
        cache.for_transformers.layers[layer].update(states, states)
    shared = (cache.keys._shared, cache.values._shared)
    real = sum(buffer.nbytes for buffer in shared if buffer is not None)
    full = footprint(SHAPE, None, dataclasses.replace(CPU, context_tokens=context)).cache_bytes
    assert real <= full
    if rows > 256:
        assert real == full


def test_a_large_output_matrix_that_is_the_embedding_is_kept_twice_on_a_cpu() -> None:
    apart = dataclasses.replace(seven_billion(), tied=False)
    tied = dataclasses.replace(apart, tied=True)

    def weights(shape: ModelShape, plan: LoadPlan, dtype: DType) -> int:
        return footprint(shape, None, dataclasses.replace(plan, dtype=dtype)).weights_bytes

    for dtype in ("float32", "bfloat16"):
        assert weights(tied, CPU, dtype) == weights(apart, CPU, dtype)
        assert weights(tied, CUDA, dtype) < weights(apart, CUDA, dtype)
    assert weights(tied, CPU, "float16") < weights(apart, CPU, "float16")


def test_cache_of_grouped_queries() -> None:
    zephyr = registry.find("FasterDecoding/medusa-1.0-zephyr-7b-beta")
    assert zephyr is not None
    assert zephyr.shape is not None
    made = footprint(zephyr.shape, None, LoadPlan("cuda", 4096, tree_size=0))
    assert made.cache_bytes == 4096 * 32 * 2 * 8 * 128 * 2


@pytest.mark.parametrize("own_output", [True, False])
def test_heads_are_as_large_as_the_real_ones(own_output: bool) -> None:
    def size(module: torch.nn.Module) -> int:
        return sum(one.nbytes for one in (*module.parameters(), *module.buffers()))

    heads = MedusaHeads(3, 2, SHAPE.hidden, SHAPE.vocabulary if own_output else None)
    shape = HeadShape(3, 2, own_output)
    assert footprint(SHAPE, shape, CPU).heads_bytes == size(heads)
    assert footprint(SHAPE, shape, CUDA).heads_bytes == size(heads.to(torch.float16))
    quantised = Int8Heads(heads, torch.device("cpu"), torch.float32)
    plan = dataclasses.replace(CPU, head_precision="8bit")
    assert footprint(SHAPE, shape, plan).heads_bytes == size(quantised)


def test_overhead_knows_how_the_cache_grows() -> None:
    def overhead(context: int) -> int:
        plan = LoadPlan("cuda", context, tree_size=0)
        return footprint(seven_billion(), None, plan).overhead_bytes

    row = footprint(seven_billion(), None, LoadPlan("cuda", 1, tree_size=0)).cache_bytes
    # 2048 rows of old values beside 4096 of new ones; at 256 nothing grows.
    assert overhead(4096) - overhead(256) == pytest.approx(2048 * row / 2, rel=0.05)


GB = 10**9


@pytest.mark.parametrize(
    ("needed", "free", "total", "expected"),
    [
        (9, 10, 10, "fits"),
        (9.1, 10, 10, "tight"),
        (10.1, 10, 20, "tight"),  # if other programs let go
        (19.1, 10, 20, "does not fit"),
        (10.1, 10, 10, "does not fit"),
        (1, 0, 24, "tight"),
    ],
)
def test_verdict(needed: float, free: float, total: float, expected: str) -> None:
    made = Footprint(int(needed * GB), 0, 0, 0)
    assert verdict(made, int(free * GB), int(total * GB)) == expected


def test_choices_of_a_cuda_device() -> None:
    ways = choices(vicuna, LoadPlan("cuda", 4096), 13 * GB, 13 * GB)
    assert [(way.bits, way.quantization, way.verdict) for way in ways] == [
        (16, "none", "does not fit"),
        (8, "8bit", "tight"),
        (4, "4bit", "fits"),
    ]
    assert best(ways) == ways[2]
    assert best(ways[:2]) == ways[1]
    assert best(ways[:1]) is None
    totals = [way.footprint.total for way in ways]
    assert totals == sorted(totals, reverse=True)


def test_choices_of_a_cpu() -> None:
    ways = choices(vicuna, LoadPlan("cpu", 4096), 64 * GB, 64 * GB)
    assert [(way.bits, way.dtype) for way in ways] == [
        (32, "auto"),
        (16, "bfloat16"),
        (8, "auto"),
        (4, "auto"),
    ]
    assert best(ways) == ways[0]


def test_no_verdict_without_a_device() -> None:
    ways = choices(vicuna, CUDA)
    assert {way.verdict for way in ways} == {None}
    assert best(ways) is None


def test_experts_are_not_quantised() -> None:
    sparse = dataclasses.replace(SHAPE, experts=4)
    plan = dataclasses.replace(CUDA, quantization="4bit")
    added = footprint(sparse, None, plan).weights_bytes - footprint(SHAPE, None, plan).weights_bytes
    matrix = SHAPE.layers * SHAPE.hidden * SHAPE.intermediate
    attention = SHAPE.joined_parameters - 2 * matrix  # of a mixture nothing is joined
    dense_bytes = (2 * matrix + attention) * NF4_JOINED_BYTES + (matrix - attention) * NF4_BYTES
    assert added == pytest.approx(2 * sparse.expert_parameters - dense_bytes, abs=1)


def test_model_of_unknown_shape() -> None:
    plain = footprint_of_files(14 * GB, 2, CUDA)
    assert plain.weights_bytes == 14 * GB
    small = footprint_of_files(14 * GB, 2, dataclasses.replace(CUDA, quantization="4bit"))
    assert 0.25 < small.weights_bytes / plain.weights_bytes < 0.4
    wide = footprint_of_files(14 * GB, 2, CPU)
    assert math.isclose(wide.weights_bytes, 28 * GB)


def test_total() -> None:
    made = Footprint(1, 2, 4, 8)
    assert (made.loaded_bytes, made.total) == (7, 15)
    assert Choice(4, "4bit", "auto", made, None).footprint.total == 15


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        (ModelShape(128, 2, 4, 2, 256, 512), True),
        (ModelShape(4096, 32, 32, 8, 14336, 32000), True),
        (ModelShape(256, 5, 8, 4, 688, 4096), False),  # rows of 688 have no whole blocks
        (ModelShape(96, 2, 3, 3, 256, 512), False),
        (ModelShape(128, 2, 8, 1, 256, 512), False),  # keys of 16
    ],
)
def test_4_bits_on_a_cpu_take_some_widths_alone(shape: ModelShape, fits: bool) -> None:
    for plan in (CPU, CUDA):
        ways = choices(lambda way: footprint(shape, None, way), plan, shape=shape)
        assert (ways[-1].bits == 4) == (fits or plan is CUDA)


@pytest.mark.parametrize(
    ("rows", "width", "fits"), [(32, 64, True), (48, 64, False), (64, 96, False), (32, 192, True)]
)
def test_rule_of_4_bits_is_that_of_bitsandbytes(rows: int, width: int, fits: bool) -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    packed, state = functional.quantize_4bit(
        torch.randn(rows, width), quant_type="nf4", blocksize=64
    )
    shape = ModelShape(width, 1, 1, 1, width, 1, head_dim=rows)
    if fits:
        functional._convert_weight_packed_for_cpu(packed, state)
    else:
        with pytest.raises((AssertionError, RuntimeError)):
            functional._convert_weight_packed_for_cpu(packed, state)
    assert fits or not takes_4_bits_on_a_cpu(shape)
