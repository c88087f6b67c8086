"""Ctrl+C and SIGTERM while heads are trained: the step ends first, so that what is saved is whole.

SIGTERM comes from clusters that want their machine back, and from whoever started several processes
together.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any, Self

_AT_ONCE: Mapping[signal.Signals, Callable[[int, FrameType | None], Any] | signal.Handlers] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
"""What each signal does that is not waited for."""


class Interruption:
    """Within the context, the first signal sets ``requested``; a second one breaks off at once."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._request) for number in _AT_ONCE}
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        for number, handler in _AT_ONCE.items():
            signal.signal(number, handler)
