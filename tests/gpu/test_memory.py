"""The estimate of a model's memory against what it takes on a GPU, full cache included."""

from __future__ import annotations

import gc

import pytest
import torch

from medusa_chat.benchmark.named_shapes import config_of
from medusa_chat.benchmark.random_model import HEAD_COUNT, random_model
from medusa_chat.decoding.dynamic_tree import DynamicTree
from medusa_chat.models.memory import LoadPlan, footprint
from medusa_chat.models.shape import HeadShape, shape_of
from medusa_chat.settings import ModelSettings, Quantization

from .device import DEVICE, reply
from .test_precisions import skip_without

pytestmark = pytest.mark.gpu

SHAPE = "llama-1b"
CONTEXT = 1920
TOLERANCE = 0.10


@pytest.mark.parametrize("quantization", ["none", "8bit", "4bit", "fp8"])
def test_estimate_is_within_a_tenth(quantization: Quantization) -> None:
    skip_without(quantization)
    if DEVICE.type != "cuda":
        pytest.skip("only a GPU counts its memory")
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(DEVICE)
    torch.cuda.reset_peak_memory_stats(DEVICE)
    settings = ModelSettings(
        "random", quantization=quantization, dtype="bfloat16", device=str(DEVICE)
    )
    model = random_model(SHAPE, settings, CONTEXT)
    prompt = [n * 7919 % 128000 for n in range(CONTEXT - 40)]
    assert len(reply(model.decoder, prompt, DynamicTree(64, 4, 32, DEVICE), 30)) == 30
    shape = shape_of(config_of(SHAPE).to_dict())
    assert shape is not None
    plan = LoadPlan("cuda", CONTEXT, quantization, "bfloat16")
    estimate = footprint(shape, HeadShape(HEAD_COUNT), plan)
    peak = torch.cuda.max_memory_allocated(DEVICE) - before
    print(f"estimated {estimate.loaded_bytes / 1e6:.0f} MB of {estimate.total / 1e6:.0f}, ", end="")
    print(f"at most {peak / 1e6:.0f} MB")
    assert peak <= estimate.total
    assert peak >= (1 - TOLERANCE) * estimate.loaded_bytes
    # What stays: weights, heads and the full cache; graphs and the noise of positions besides.
    del prompt
    gc.collect()
    stays = torch.cuda.memory_allocated(DEVICE) - before
    assert stays == pytest.approx(estimate.loaded_bytes, rel=TOLERANCE)
