"""Blocking work beside the event loop, which quitting does not wait for."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def in_background(
    function: Callable[_P, _T], *arguments: _P.args, **options: _P.kwargs
) -> _T:
    """Return what ``function`` does, called in a daemon thread.

    ``asyncio.to_thread`` and thread workers would be waited for at the end of the program, and a
    network that does not answer takes its time.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def deliver(error: BaseException | None, result: _T | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None where _T is None

    def work() -> None:
        error: BaseException | None = None
        result: _T | None = None
        try:
            result = function(*arguments, **options)
        except BaseException as caught:  # noqa: BLE001  # it is raised where it is awaited
            error = caught
        call_soon(loop, deliver, error, result)

    threading.Thread(target=work, name=f"background {function!r}", daemon=True).start()
    return await future


def call_soon(
    loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: object
) -> None:
    """Have the loop call ``function``, from any thread; nothing happens once the loop is closed."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        if not loop.is_closed():
            raise
