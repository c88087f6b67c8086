from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from medusa_chat.errors import UsageError
from medusa_chat.settings import MAX_TREE_SIZE, DecodeSettings, ModelSettings


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0},
        {"temperature": 1e9},
        {"top_p": 1e-9},
        {"top_p": 1},
        {"top_k": 0},
        {"seed": 0},
        {"seed": 2**63 - 1},
        {"max_new_tokens": 1},
        {"tree_size": 1},
        {"tree_size": MAX_TREE_SIZE},
        {"posterior_threshold": 0, "posterior_alpha": 0},
        {"posterior_threshold": 1, "posterior_alpha": 9.5},
        {"stop": ("\n", "a")},
    ],
    ids=str,
)
def test_limits_are_within(fields: dict[str, Any]) -> None:
    settings = DecodeSettings(**fields)
    assert {name: getattr(settings, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("temperature", (-1e-9, float("nan"), float("inf"))),
        ("top_p", (0, -1, 1.0001, float("nan"))),
        ("top_k", (-1,)),
        ("seed", (-1, 2**63)),
        ("max_new_tokens", (0, -5)),
        ("tree_size", (0, MAX_TREE_SIZE + 1)),
        ("posterior_threshold", (-0.1, 1.1, float("nan"))),
        ("posterior_alpha", (-0.1, float("inf"))),
        ("acceptance", ("", "lenient")),
        ("draft", ("", "everything")),
        ("tree", ("",)),
        ("stop", (("a", ""),)),
    ],
)
def test_beyond_the_limits(field: str, values: tuple[Any, ...]) -> None:
    option = "--" + field.replace("_", "-")
    for value in values:
        with pytest.raises(UsageError) as caught:
            DecodeSettings(**{field: value})
        assert option in str(caught.value)
        if value not in ("", ("a", "")):
            assert str(value) in str(caught.value)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_devices(device: str) -> None:
    assert ModelSettings(device=device).device == device


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (
            "device",
            ("", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:²", "cpu:0", "cuda:0:0"),
        ),
        ("dtype", ("", "int8", "fp16")),
        ("model", ("", "  ")),
        ("base_model", ("", "\n")),
    ],
)
def test_models_that_cannot_be(field: str, values: tuple[Any, ...]) -> None:
    for value in values:
        with pytest.raises(UsageError, match="--" + field.replace("_", "-")):
            ModelSettings(**{field: value})


def test_float8_computes_in_bfloat16() -> None:
    for dtype in ("auto", "bfloat16"):
        assert ModelSettings(quantization="fp8", dtype=dtype).quantization == "fp8"
    with pytest.raises(UsageError, match="--load-in-fp8 computes in bfloat16, and --dtype is fl"):
        ModelSettings(quantization="fp8", dtype="float16")
    with pytest.raises(UsageError, match="--load-in '2bit' is not known"):
        ModelSettings(quantization="2bit")  # type: ignore[arg-type]


def test_settings_cannot_be_changed() -> None:
    settings = DecodeSettings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.temperature = 1.0  # type: ignore[misc]
    with pytest.raises(UsageError):
        dataclasses.replace(settings, temperature=-1.0)
