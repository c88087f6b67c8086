from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import transformers
from golden_data import TINY_LLAMA

from medusa_chat.errors import ModelError
from medusa_chat.models.base_model import load_base
from medusa_chat.models.device import Placement, place, resolve_device, resolve_dtype


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


def test_one_device_holds_all_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, 1)
    for name in ("auto", "cuda", "cpu"):
        placement = place(name)
        device = torch.device("cpu" if name == "cpu" else "cuda:0")
        assert placement.arguments == {"device_map": {"": device}}
        assert placement.devices_of(object()) == (str(device),)


def test_several_devices_are_filled_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, 3)
    free = [50_000_000_000, 10_000_000_000, 1_000_000_000]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (free[index], 80_000_000_000))
    placement = place("auto", reserved_bytes=3_000_000_000)
    assert placement.device == torch.device("cuda:0")
    assert placement.arguments == {
        "device_map": "sequential",
        "max_memory": {0: 45_000_000_000, 1: 5_000_000_000, 2: 0},
    }
    model = SimpleNamespace(hf_device_map={"model.embed": 0, "model.layers.0": 0, "lm_head": 1})
    assert placement.devices_of(model) == ("cuda:0", "cuda:1")
    # One that the user names is enough.
    assert place("cuda:1").arguments == {"device_map": {"": torch.device("cuda:1")}}


def test_model_that_several_devices_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, 2)
    placement = Placement(torch.device("cuda:0"), {0: 1000, 1: 1000})
    model = SimpleNamespace(hf_device_map={"model.layers.0": 0, "model.layers.1": "disk"})

    def from_pretrained(*_: object, **asked: object) -> tuple[object, dict[str, list[str]]]:
        assert asked["device_map"] == "sequential"
        return model, {"missing_keys": [], "mismatched_keys": []}

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", from_pretrained)
    with pytest.raises(ModelError, match="does not fit") as caught:
        load_base(TINY_LLAMA, torch.bfloat16, placement)
    assert "--load-in-4bit" in str(caught.value)


def test_auto_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_dtype("auto", torch.device("cpu")) == torch.float32
    assert resolve_dtype("float16", torch.device("cpu")) == torch.float16
    pretend(monkeypatch, 1)
    assert resolve_dtype("auto", torch.device("cuda:0")) == torch.bfloat16
    pretend(monkeypatch, 1, bfloat16=False)
    assert resolve_dtype("auto", torch.device("cuda:0")) == torch.float16
