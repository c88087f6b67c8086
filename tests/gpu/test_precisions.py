"""16 bits, int8, nf4 and float8 on a GPU: what is joined and captured is what the layers are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from medusa_chat.benchmark.random_model import random_base, random_model
from medusa_chat.benchmark.steps import timed_tree
from medusa_chat.decoding.lean.fp8 import row_unit
from medusa_chat.decoding.lean.weights import product_of
from medusa_chat.decoding.tree_check import defect
from medusa_chat.models.quantization import fp8_obstacle
from medusa_chat.settings import DecodeSettings, DType, ModelSettings, Quantization

from .device import DEVICE, PROMPTS, assert_graphs, builtin, eagerly, said

pytestmark = pytest.mark.gpu

QUANTIZED: tuple[Quantization, ...] = ("8bit", "4bit", "fp8")
ROWS = (1, 2, 4, 7, 16, 17, 64, 128)
SHAPE = "llama-160m"


def skip_without(quantization: Quantization) -> None:
    if quantization == "fp8":
        obstacle = fp8_obstacle(DEVICE)
        if obstacle is not None:
            pytest.skip(f"float8 {obstacle}")
    elif quantization != "none":
        pytest.importorskip("bitsandbytes")


@pytest.mark.parametrize("quantization", QUANTIZED)
@torch.inference_mode()
def test_joined_products_are_those_of_the_layers(quantization: Quantization) -> None:
    skip_without(quantization)
    base = random_base(SHAPE, torch.bfloat16, quantization, DEVICE)
    attention, mlp = base.model.layers[0].self_attn, base.model.layers[0].mlp
    groups: list[list[Any]] = [
        [attention.q_proj, attention.k_proj, attention.v_proj],
        [mlp.gate_proj, mlp.up_proj],
        [mlp.down_proj],
    ]
    noise = torch.Generator(DEVICE).manual_seed(0)
    for parts in groups:
        inputs = [
            torch.randn(rows, parts[0].in_features, generator=noise, device=DEVICE).bfloat16()
            for rows in ROWS
        ]
        expected = [torch.cat([part(x) for part in parts], -1) for x in inputs]
        product = product_of(parts, spare=True)
        for x, wanted in zip(inputs, expected, strict=True):
            got = product(x).float()
            # Of joined layers bitsandbytes and cuBLAS may choose other kernels.
            assert (got - wanted.float()).norm() < 0.01 * wanted.float().norm()


@torch.inference_mode()
def test_float8_is_near_the_unrounded_product() -> None:
    skip_without("fp8")
    assert isinstance(row_unit(DEVICE), int)
    rounded = random_base(SHAPE, torch.bfloat16, "fp8", DEVICE).model.layers[0].mlp.up_proj
    weight = random_base(SHAPE, torch.bfloat16, "none", DEVICE).model.layers[0].mlp.up_proj.weight
    x = torch.randn(64, weight.shape[1], device=DEVICE).bfloat16()
    exact = functional.linear(x.float(), weight.float())
    got = rounded(x)
    assert (got.float() - exact).norm() < 0.05 * exact.norm()
    alone = torch.cat([rounded(row[None]) for row in x])
    assert (got - alone).float().norm() < 0.01 * exact.norm()  # rows leave each other alone


@pytest.mark.parametrize(
    ("quantization", "dtype"),
    [
        ("none", "float32"),
        ("none", "bfloat16"),
        ("none", "float16"),
        ("8bit", "bfloat16"),
        ("4bit", "bfloat16"),
        ("fp8", "bfloat16"),
    ],
)
def test_steps_are_graphs_and_give_what_eager_ones_give(
    quantization: Quantization, dtype: DType
) -> None:
    skip_without(quantization)
    settings = ModelSettings("random", quantization=quantization, dtype=dtype, device=str(DEVICE))
    model = random_model(SHAPE, settings, 600)
    assert model.notices == (), "a small tree step gave other logits than plain forwards"
    forward: Any = model.decoder.forward
    tokens = torch.arange(1, 65, device=DEVICE) * 97
    # Rounded to three bits, a difference of the last bit of sixteen may become a large one.
    allowed = 0.3 if quantization == "fp8" else 0.1
    for length in (60, 250):
        forward.truncate(0)
        forward.extend(torch.arange(length, device=DEVICE))
        for nodes in (1, 4, 16, 64):
            tree = timed_tree(nodes).to(DEVICE)
            captured = forward.step(tokens[:nodes], tree).logits.clone()
            with eagerly(forward):
                eager = forward.step(tokens[:nodes], tree).logits
            assert (captured - eager).norm() < allowed * eager.norm()
    assert_graphs(forward)
    assert defect(model.base, forward) is None
    linears = [part for part in model.base.modules() if isinstance(part, nn.Linear)]
    assert {part.weight.device for part in linears} == {DEVICE}


def test_in_bfloat16_most_replies_are_the_same() -> None:
    """Near-ties may round differently; what is wrong differs at once, and everywhere."""
    engine = builtin("bfloat16")
    assert engine.model.plain_reason is None
    assert engine.model.stock_reason is None
    shared = total = 0
    for prompt in PROMPTS:
        replies = [
            said(engine, prompt, DecodeSettings(medusa=on, temperature=0, max_new_tokens=60))
            for on in (False, True)
        ]
        same = next(
            (place for place, pair in enumerate(zip(*replies, strict=False)) if len(set(pair)) > 1),
            min(map(len, replies)),
        )
        shared, total = shared + same, total + len(replies[0])
    assert shared >= 0.3 * total
    assert_graphs(engine.model.decoder.forward)
