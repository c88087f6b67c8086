"""Which suites take which options of ``medusa-chat bench``. Standard library only.

An option that would count for nothing is refused: its user believes that it was measured.
"""

from __future__ import annotations

from collections.abc import Mapping

from medusa_chat.benchmark.settings import Suite
from medusa_chat.errors import UsageError

_LOADING: tuple[Suite, ...] = ("chat", "steps", "replay", "quality")
_DECODING: tuple[Suite, ...] = ("chat", "replay", "quality")
_DRAFTING: tuple[Suite, ...] = ("chat", "quality")

SUITES_OF: Mapping[str, tuple[Suite, ...]] = {
    "prompts": _DECODING,
    "per_category": _DECODING,
    "modes": _DRAFTING,
    "peers": ("chat",),
    "repeat": ("chat", "steps"),
    "shape": ("chat", "steps", "replay"),
    "forward": _LOADING,
    "prefix": ("steps",),
    "text": ("quality",),
    "against": ("quality",),
    "output": ("quality",),
    **dict.fromkeys(
        (
            *("model", "base_model", "quantization", "head_precision", "dtype", "device"),
            *("context_tokens", "template"),
        ),
        _LOADING,
    ),
    **dict.fromkeys(
        (
            *("temperature", "top_p", "top_k", "repetition_penalty", "seed", "max_new_tokens"),
            *("stop", "run_stop", "ignore_eos", "raw", "system"),
        ),
        _DECODING,
    ),
    **dict.fromkeys(
        (
            *("medusa", "tree_size", "draft"),
            *("acceptance", "posterior_threshold", "posterior_alpha"),
        ),
        _DRAFTING,
    ),
}
"""By the name under which the command line's parser keeps an option."""
_WRITTEN = {
    "quantization": "--load-in-{}",
    "head_precision": "--heads-in-{}",
    "context_tokens": "--context",
    "run_stop": "--stop",
}
"""Options that are written otherwise than they are kept; {} is their value."""


def check_options(suite: Suite, given: Mapping[str, object]) -> None:
    """Raise UsageError for one of the options ``given``, by name, that ``suite`` does not take."""
    for name, value in given.items():
        suites = SUITES_OF.get(name)
        if suites is None or suite in suites:
            continue
        option = _WRITTEN.get(name, f"--{name.replace('_', '-')}").format(value)
        *others, last = suites
        words = f"{', '.join(others)} or {last}" if others else last
        raise UsageError(
            f"{option} is for --suite {words}, and this is --suite {suite}: leave out {option}, "
            "or take another suite."
        )
