"""The estimate against what loading takes: how much more of this machine's memory is in use.

A random model of 160 million weights, loaded in a process of its own for each way of loading it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command_line import environment
from tiny_models import copy_tokenizer, random_heads, save_base, save_heads

from medusa_chat.models.memory import LoadPlan, footprint
from medusa_chat.models.shape import HeadShape, ModelShape, shape_of
from medusa_chat.settings import DType, HeadPrecision, Quantization

pytest.importorskip("bitsandbytes")
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="resident memory is counted as Linux does"
)

CONTEXT = 128
"""With a tree's room that is the first allotment of the cache, which loading makes whole."""
TOLERANCE = 0.10
HEADS = 2
SHAPE = {
    "vocab_size": 32000,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.02,
    "pad_token_id": None,
}

# Tiny models first, and once more than needed: libraries, kernels and arenas are not the model's.
MEASURE = """
import ctypes, gc, json, sys
import psutil
from medusa_chat.models.loader import load
from medusa_chat.settings import ModelSettings

def resident():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back to the system
    return psutil.Process().memory_info().rss

tiny, model, *options = json.loads(sys.argv[1])
quantization, dtype, head_precision = options
def loaded(name):
    made = load(
        ModelSettings(
            name, quantization=quantization, dtype=dtype, device="cpu",
            head_precision=head_precision,
        ),
        lambda *_: None,
    )
    base = made.base
    # Pages of a mapped file count once they are read, as the first replies would.
    for parameter in base.parameters():
        parameter.sum()
    return made
kept = [loaded(tiny)]
before = resident()
kept.append(loaded(model))
print(resident() - before)
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny and of a larger model, in bfloat16, and of heads for each."""
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("models")
    save_base(folder / "tiny", "llama")
    config = AutoConfig.for_model("llama", **SHAPE)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder / "model")
    copy_tokenizer(folder / "model")
    for base, hidden, vocabulary in (("tiny", 64, 512), ("model", 768, 32000)):
        heads = random_heads(hidden, vocabulary, count=HEADS).to(torch.bfloat16)
        name = str(folder / base)
        save_heads(folder / f"{base}-heads", heads, base_model_name_or_path=name)
    return folder


@pytest.fixture(scope="module")
def shape(models: Path) -> ModelShape:
    found = shape_of(json.loads((models / "model/config.json").read_text("utf-8")))
    assert found is not None
    assert found.parameters == pytest.approx(162e6, rel=0.01)
    return found


@pytest.mark.parametrize(
    ("quantization", "dtype", "head_precision"),
    [
        ("none", "bfloat16", "full"),
        ("none", "float32", None),
        ("none", "float32", "8bit"),
        ("8bit", "auto", None),
        ("4bit", "auto", None),
    ],
)
def test_estimate_is_within_a_tenth_of_what_loading_takes(
    models: Path,
    shape: ModelShape,
    quantization: Quantization,
    dtype: DType,
    head_precision: HeadPrecision | None,
) -> None:
    suffix = "" if head_precision is None else "-heads"
    options = [quantization, dtype, head_precision or "full"]
    names = [str(models / f"{name}{suffix}") for name in ("tiny", "model")]
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps([*names, *options])],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert measured.returncode == 0, measured.stderr
    grown = int(measured.stdout)
    plan = LoadPlan("cpu", CONTEXT, quantization, dtype, head_precision or "full")
    heads = None if head_precision is None else HeadShape(HEADS)
    estimate = footprint(shape, heads, plan).loaded_bytes
    print(f"estimated {estimate / 1e6:.0f} MB, measured {grown / 1e6:.0f} MB")
    assert estimate == pytest.approx(grown, rel=TOLERANCE)
