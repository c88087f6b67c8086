"""What the probes tell: the parts of it that take torch, as plain data. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

Probe = Literal["torch", "bitsandbytes", "builtin"]


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A CUDA device as torch sees it."""

    index: int
    name: str
    capability: str
    """As ``9.0``; empty when the device did not answer."""
    total_bytes: int
    free_bytes: int
    bfloat16: bool
    error: str
    """Why a small sum on it failed; empty when it came out right."""
    float8: str | None = None
    """Why products of float8 fail; empty when they are right, None where the device has none."""


@dataclass(frozen=True, slots=True)
class TorchFacts:
    """torch, and what it can compute on."""

    probe: ClassVar[Probe] = "torch"

    version: str
    cuda: str | None
    """The CUDA that it was built for; None for another build."""
    hip: str | None
    """The ROCm that it was built for."""
    threads: int
    devices: tuple[DeviceFacts, ...]
    cuda_error: str
    """Why a CUDA build has no device; empty when it has one."""

    @classmethod
    def read(cls, record: dict[str, Any]) -> Self:
        """Return the facts of a probe's answer."""
        devices = tuple(DeviceFacts(**device) for device in record.pop("devices"))
        return cls(devices=devices, **record)


@dataclass(frozen=True, slots=True)
class QuantisationFacts:
    """bitsandbytes, tried on a small linear layer."""

    probe: ClassVar[Probe] = "bitsandbytes"

    device: str
    errors: dict[str, str]
    """For 8bit and 4bit why it failed; empty when the result was near the unquantised one."""

    @classmethod
    def read(cls, record: dict[str, Any]) -> Self:
        """Return the facts of a probe's answer."""
        return cls(**record)


@dataclass(frozen=True, slots=True)
class BuiltinFacts:
    """The built-in model, loaded and asked for a few tokens."""

    probe: ClassVar[Probe] = "builtin"

    device: str
    load_seconds: float
    tokens: int
    steps: int
    decode_seconds: float
    """Of the steps, without the prompt's."""
    plain_reason: str | None
    """Why Medusa is off; None when it is on."""
    launches: str | None = None
    """How steps are run, where there is more than one way."""

    @classmethod
    def read(cls, record: dict[str, Any]) -> Self:
        """Return the facts of a probe's answer."""
        return cls(**record)
