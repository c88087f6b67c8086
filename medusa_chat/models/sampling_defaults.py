"""How a model's authors would have its tokens drawn: ``generation_config.json``.

Standard library only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medusa_chat.settings import SamplingDefaults

_FILE = "generation_config.json"
_TOP_K_END = 2**31


def read_defaults(folder: Path) -> SamplingDefaults:
    """Return what the model in ``folder`` says; nothing at all for a file that cannot be read.

    ``do_sample`` false is greedy: temperature 0, and top-p and top-k are not looked at. A file that
    is silent about it (Vicuna's) means the temperature that it names, as vLLM takes it. A value out
    of its range is left out.
    """
    try:
        config = json.loads((folder / _FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return SamplingDefaults()
    if not isinstance(config, dict):
        return SamplingDefaults()
    penalty = _number(config, "repetition_penalty")
    if penalty is not None and penalty <= 0:
        penalty = None
    if config.get("do_sample") is False:
        return SamplingDefaults(temperature=0.0, repetition_penalty=penalty)
    temperature = _number(config, "temperature")
    top_p = _number(config, "top_p")
    top_k = config.get("top_k")
    return SamplingDefaults(
        temperature=temperature if temperature is not None and temperature >= 0 else None,
        top_p=top_p if top_p is not None and 0 < top_p <= 1 else None,
        # Python calls True an int as well.
        top_k=top_k if type(top_k) is int and 0 <= top_k < _TOP_K_END else None,
        repetition_penalty=penalty,
    )


def _number(config: Mapping[str, Any], name: str) -> float | None:
    value = config.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
