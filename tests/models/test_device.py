from __future__ import annotations

import pytest
import torch

from medusa_chat.errors import ModelError
from medusa_chat.models.device import resolve_device, resolve_dtype


def pretend(monkeypatch: pytest.MonkeyPatch, devices: int, *, bfloat16: bool = True) -> None:
    """Make torch believe in so many CUDA devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: devices > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)


def test_auto_takes_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, 0)
    assert resolve_device("auto") == torch.device("cpu")
    pretend(monkeypatch, 2)
    assert resolve_device("auto") == torch.device("cuda", 0)
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("cuda") == torch.device("cuda", 0)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize(
    ("devices", "name", "words"),
    [
        (0, "cuda", "no CUDA device"),
        (1, "cuda:1", "1 CUDA device."),
        (2, "cuda:99999999999999999999", "2 CUDA"),
    ],
)
def test_cuda_that_is_not_there(
    devices: int, name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, devices)
    with pytest.raises(ModelError) as caught:
        resolve_device(name)
    assert f"--device {name} is not here" in str(caught.value)
    assert words in str(caught.value)


def test_auto_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_dtype("auto", torch.device("cpu")) == torch.float32
    assert resolve_dtype("float16", torch.device("cpu")) == torch.float16
    pretend(monkeypatch, 1)
    assert resolve_dtype("auto", torch.device("cuda:0")) == torch.bfloat16
    pretend(monkeypatch, 1, bfloat16=False)
    assert resolve_dtype("auto", torch.device("cuda:0")) == torch.float16
