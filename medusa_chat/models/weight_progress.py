"""How far transformers is with a model's weights, by the progress bar that it would draw."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from medusa_chat.models.stages import Report

_REPORT_SECONDS = 0.1


@contextmanager
def reporting_weights(stage: str, report: Report) -> Iterator[None]:
    """Tell ``report`` how much of ``stage`` is done, at most ten times a second, and at its end."""
    from transformers.utils import logging

    logging.disable_progress_bar()

    def bar(make: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not str(kwargs.get("desc", "")).startswith("Loading weights") or not args:
            return make(*args, **kwargs)
        return _counted(args[0], stage, report)

    report(stage, None)
    before = logging.set_tqdm_hook(bar)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def _counted(items: Iterable[Any], stage: str, report: Report) -> Iterator[Any]:
    """Yield ``items``, of which the length is known, and report each that is done with."""
    total = len(items)  # type: ignore[arg-type]  # the view of a dictionary
    reported_at = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - reported_at >= _REPORT_SECONDS:
            reported_at = now
            report(stage, done / total)
        yield item
    report(stage, 1.0)
