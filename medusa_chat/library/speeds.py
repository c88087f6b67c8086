"""The speed-up that was last measured with each model on this machine.

Kept in one small file. What is unreadable in it counts as not measured.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medusa_chat import json_file, paths

_FILE = "speeds.json"


@dataclass(frozen=True, slots=True)
class Speed:
    """One measurement: the same prompts, decoded plainly and with Medusa."""

    model: str
    quantization: str
    dtype: str
    device: str
    plain_tokens_per_second: float
    medusa_tokens_per_second: float
    measured_at: str
    """ISO 8601, UTC."""

    @property
    def ratio(self) -> float:
        """How many times as fast Medusa was."""
        return self.medusa_tokens_per_second / self.plain_tokens_per_second


def record(speed: Speed) -> None:
    """Keep ``speed``, instead of an older one of the same model, quantisation, dtype and device.

    Raises OSError where nothing can be written.
    """

    def changed(loaded: object) -> object:
        kept = (one for one in _speeds(loaded) if _key(one) != _key(speed))
        return [dataclasses.asdict(one) for one in (*kept, speed)]

    json_file.change(_file(), changed)


def speed_of(model: str) -> Speed | None:
    """Return the latest measurement of ``model``, however it was loaded; None without one."""
    return speeds().get(model)


def speeds() -> dict[str, Speed]:
    """Return the latest measurement of each model by its name."""
    latest: dict[str, Speed] = {}
    for speed in sorted(_speeds(json_file.read(_file())), key=lambda one: one.measured_at):
        latest[speed.model] = speed
    return latest


def _key(speed: Speed) -> tuple[str, ...]:
    return speed.model, speed.quantization, speed.dtype, speed.device


def _speeds(loaded: object) -> list[Speed]:
    entries = loaded if isinstance(loaded, list) else []
    return [speed for entry in entries if (speed := _speed(entry)) is not None]


def _speed(entry: Any) -> Speed | None:
    try:
        speed = Speed(**entry)
        texts = (speed.model, speed.quantization, speed.dtype, speed.device, speed.measured_at)
        rates = (speed.plain_tokens_per_second, speed.medusa_tokens_per_second)
        if all(isinstance(text, str) for text in texts) and all(rate > 0 for rate in rates):
            return speed
    except TypeError:
        pass
    return None


def _file() -> Path:
    return paths.data_dir() / _FILE
