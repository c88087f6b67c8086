"""The estimate against what a training takes at most: how much of this machine's memory it grows.

A random base of 24 million weights, trained on in a process of its own in each way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import environment
from tiny_models import copy_tokenizer, save_base

from training.runs import write_lines

pytestmark = pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="the peak is counted as Linux does"
)

TOLERANCE = 0.10
SHAPE = {
    "vocab_size": 6144,
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 256,
    "pad_token_id": None,
}

# On a tiny model first: libraries, kernels and arenas are not the training's.
MEASURE = """
import ctypes, gc, json, sys
from pathlib import Path
import psutil
from medusa_chat.training import session
from medusa_chat.training.freed_memory import return_at_once
from medusa_chat.training.command import run
from medusa_chat.training.settings import TrainSettings

folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
needs, reckon = [], session.memory_need
def told(*arguments, **named):
    needs.append(reckon(*arguments, **named))
    return needs[-1]
session.memory_need = told

def train(base):
    settings = TrainSettings(
        base_model=str(folder / base), data=(folder / "data.jsonl",),
        output=Path(sys.argv[3]) / base, batch_size=2, max_length=256, max_steps=2,
        held_out=0.0, dtype="float32", device="cpu", **options,
    )
    assert run(settings) == 0

return_at_once()  # as where memory is scarce
train("tiny")
gc.collect()
ctypes.CDLL(None).malloc_trim(0)
before = psutil.Process().memory_info().rss
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
train("model")
[peak] = [
    1024 * int(line.split()[1])
    for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
]
print(peak - before, needs[-1].total - needs[-1].runtime_bytes)
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny and of a larger model, and of what they are trained on."""
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("models")
    save_base(folder / "tiny", "llama")
    torch.manual_seed(0)
    config = AutoConfig.for_model("llama", **SHAPE)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder / "model")
    copy_tokenizer(folder / "model")
    write_lines(folder / "data.jsonl", [{"text": "def f(self): return self " * 60}] * 8)
    return folder


@pytest.mark.parametrize(
    "options",
    [{}, {"stage": "medusa-2"}, {"stage": "medusa-2", "lora_rank": 16}],
    ids=["medusa-1", "medusa-2", "lora"],
)
def test_estimate_is_within_a_tenth_of_what_training_takes(
    models: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    if "lora_rank" in options:
        pytest.importorskip("peft")
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, str(models), json.dumps(options), str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert measured.returncode == 0, measured.stderr
    grown, estimate = map(int, measured.stdout.split()[-2:])
    print(f"estimated {estimate / 1e6:.0f} MB, measured {grown / 1e6:.0f} MB")
    assert estimate == pytest.approx(grown, rel=TOLERANCE)
