"""The estimate against the most that a process takes, of which the training is all.

A random base of 24 million weights, trained on in each way, and with freed memory given back or
kept.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import environment
from tiny_models import copy_tokenizer

from training.runs import write_lines

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc",
    reason="the peak is counted as Linux does, and freed memory is given back by glibc",
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

MEASURE = """
import json, sys
from pathlib import Path
from medusa_chat.training import session
from medusa_chat.training.freed_memory import return_at_once
from medusa_chat.training.command import run
from medusa_chat.training.settings import TrainSettings

folder, options, gives_back = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[4] == "True"
needs, reckon = [], session.memory_need
def told(*arguments, **named):
    needs.append(reckon(*arguments, **named))
    return needs[-1]
session.memory_need = told
if gives_back:
    assert return_at_once()  # as where memory is scarce
else:
    session.return_at_once = lambda: False
settings = TrainSettings(
    base_model=str(folder / "model"), data=(folder / "data.jsonl",), output=Path(sys.argv[3]),
    max_length=256, max_steps=2, held_out=0.0, device="cpu", **options,
)
assert run(settings) == 0
[peak] = [
    1024 * int(line.split()[1])
    for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
]
print(peak, needs[-1].total, needs[-1].most)
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny and of a larger model, and of what they are trained on."""
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    config = AutoConfig.for_model("llama", **SHAPE)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder / "model")
    copy_tokenizer(folder / "model")
    write_lines(folder / "data.jsonl", [{"text": "def f(self): return self " * 100}] * 8)
    return folder


@pytest.mark.parametrize(
    ("options", "gives_back"),
    [
        ({"batch_size": 2, "dtype": "float32"}, True),
        ({"batch_size": 2, "dtype": "float32"}, False),
        ({"batch_size": 2, "dtype": "float32", "stage": "medusa-2"}, False),
        ({"batch_size": 4, "dtype": "bfloat16", "stage": "medusa-2"}, True),
        ({"batch_size": 4, "dtype": "bfloat16", "stage": "medusa-2", "lora_rank": 16}, True),
        ({"batch_size": 2, "dtype": "bfloat16", "stage": "medusa-2", "lora_rank": 16}, False),
    ],
    ids=["medusa-1", "medusa-1-kept", "medusa-2-kept", "medusa-2-mixed", "lora", "lora-kept"],
)
def test_process_takes_what_was_told(
    models: Path, tmp_path: Path, options: dict[str, Any], gives_back: bool
) -> None:
    if "lora_rank" in options:
        pytest.importorskip("peft")
    command = [sys.executable, "-c", MEASURE, str(models), json.dumps(options)]
    measured = subprocess.run(
        [*command, str(tmp_path / "out"), str(gives_back)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert measured.returncode == 0, measured.stderr
    peak, total, most = map(int, measured.stdout.split()[-3:])
    print(f"told {total / 1e6:.0f} to {most / 1e6:.0f} MB, measured {peak / 1e6:.0f} MB")
    if gives_back:
        assert total == pytest.approx(peak, rel=TOLERANCE)
    else:
        assert (1 - TOLERANCE) * total <= peak <= (1 + TOLERANCE) * most
