"""What is said when a model is larger than the memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from golden_data import GOLDEN

from medusa_chat.errors import ModelError
from medusa_chat.models import loader
from medusa_chat.models.out_of_memory import does_not_fit, is_out_of_memory
from medusa_chat.settings import Quantization

from .loading import refusal

CPU = torch.device("cpu")
SEVEN_BILLION = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
}


def test_ways_in_which_torch_says_it() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


@pytest.mark.parametrize(
    ("device", "dtype", "quantization", "named", "not_named"),
    [
        ("cpu", torch.float32, "none", ("bfloat16", "8bit", "4bit"), ()),
        ("cpu", torch.bfloat16, "none", ("8bit", "4bit"), ("bfloat16",)),
        ("cuda", torch.float16, "none", ("8bit", "4bit"), ("bfloat16",)),
        ("cuda", torch.bfloat16, "8bit", ("4bit",), ("8bit",)),
        ("cuda", torch.bfloat16, "4bit", ("smaller model",), ("--load",)),
    ],
)
def test_what_would_take_less(
    device: str,
    dtype: torch.dtype,
    quantization: Quantization,
    named: tuple[str, ...],
    not_named: tuple[str, ...],
    tmp_path: Path,
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(SEVEN_BILLION))
    message = str(does_not_fit(tmp_path, torch.device(device), dtype, quantization))
    assert all(word in message for word in (*named, tmp_path.name, device))
    assert not any(word in message for word in not_named)
    assert ("GB" in message) == ("4bit" in named)


def test_model_of_unknown_shape(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "rwkv"}')
    message = str(does_not_fit(tmp_path, CPU, torch.float32, "8bit"))
    assert "--load-in-4bit" in message
    assert "--load-in-8bit" not in message


@pytest.mark.parametrize("where", ["checkpoint.read_heads", "load_base", "lean_forward_for"])
def test_in_the_midst_of_loading(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(f"medusa_chat.models.loader.{where}", fails)
    message = refusal(GOLDEN / "medusa/models/tiny-llama-heads-v01")
    assert "does not fit in the memory of cpu" in message


def test_other_errors_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(loader, "lean_forward_for", fails)
    with pytest.raises(RuntimeError, match="a mistake") as caught:
        refusal(GOLDEN / "medusa/models/tiny-llama-heads-v01")
    assert not isinstance(caught.value, ModelError)
