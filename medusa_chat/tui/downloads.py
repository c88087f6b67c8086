"""The downloads of this run. They go on whatever screen is shown, several at a time."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Protocol

from medusa_chat.errors import HubError
from medusa_chat.tui.background import call_soon

if TYPE_CHECKING:
    from medusa_chat.models.hub.progress import Progress


_LOG = logging.getLogger(__name__)

_LEAVE_SECONDS = 1.0
"""How long quitting waits for downloads to put down what they hold. Killed, they resume too."""


class Download(Protocol):
    """One download: ``models.hub.download.Download``, or a test's."""

    def run(self) -> None:
        """Download until it is done, paused or cancelled. Raises HubError when it fails."""
        ...

    def pause(self) -> None:
        """End ``run`` soon, what came being kept; another ``run`` goes on there."""
        ...

    def cancel(self) -> None:
        """End ``run`` soon, and remove what came."""
        ...

    @property
    def progress(self) -> Progress:
        """How far it is."""
        ...


class Downloads:
    """Each download in a thread of its own, by the name of its model."""

    def __init__(self) -> None:
        self._downloads: dict[str, Download] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self.failures: dict[str, HubError] = {}
        """Why the downloads that failed did, until they are started again."""
        self._untold: list[str] = []

    def begin(self, model: str, download: Download) -> None:
        """Take on a download; one of the same model that is over or paused gives way to it."""
        if not self.is_running(model):
            self._downloads[model] = download
            self.resume(model)

    def resume(self, model: str) -> None:
        """Let a paused or failed download go on."""
        if self.is_running(model):
            return
        self.failures.pop(model, None)
        self._ended[model] = asyncio.Event()
        thread = threading.Thread(
            target=self._run,
            args=(model, self._downloads[model], asyncio.get_running_loop()),
            name=f"download {model}",
            daemon=True,  # quitting must not wait for a network that does not answer
        )
        self._threads[model] = thread
        self._untold.append(model)
        thread.start()

    def pause(self, model: str) -> None:
        """Stop a download and keep what came."""
        if self.is_running(model):
            self._downloads[model].pause()

    def cancel(self, model: str) -> None:
        """Stop a download and remove what came."""
        download = self._downloads.get(model)
        if download is not None:
            download.cancel()

    def is_running(self, model: str) -> bool:
        """Tell whether a thread works on it."""
        thread = self._threads.get(model)
        return thread is not None and thread.is_alive()

    def progress_of(self, model: str) -> Progress | None:
        """Return how far the download of a model is; None when there is none, or no more."""
        download = self._downloads.get(model)
        progress = None if download is None else download.progress
        return None if progress is None or progress.state == "cancelled" else progress

    @property
    def models(self) -> tuple[str, ...]:
        """What was begun in this run, and not given up."""
        return tuple(name for name in self._downloads if self.progress_of(name) is not None)

    @property
    def running(self) -> tuple[Progress, ...]:
        """How far those are that are not over, the paused ones among them."""
        all_of_them = (download.progress for download in self._downloads.values())
        return tuple(progress for progress in all_of_them if not progress.is_over)

    def take_ended(self) -> list[str]:
        """Return the models whose downloads were done or failed since the last call."""
        ended = [name for name in self._untold if not self.is_running(name)]
        self._untold = [name for name in self._untold if name not in ended]
        return [
            name for name in ended if self._downloads[name].progress.state in ("done", "failed")
        ]

    async def ended(self, model: str) -> Progress:
        """Wait until a download is over, through any pauses. Raises HubError when it failed."""
        while True:
            await self._ended[model].wait()
            if model in self.failures:
                raise self.failures[model]
            progress = self._downloads[model].progress
            if progress.is_over:
                return progress
            self._ended[model].clear()

    async def close(self) -> None:
        """Pause what is running; what came is kept."""
        for download in self._downloads.values():
            if not download.progress.is_over:
                download.pause()
        deadline = asyncio.get_running_loop().time() + _LEAVE_SECONDS
        while any(thread.is_alive() for thread in self._threads.values()):
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(0.02)

    def _run(self, model: str, download: Download, loop: asyncio.AbstractEventLoop) -> None:
        try:
            download.run()
        except HubError as error:
            _LOG.warning("%s: %s", model, error)
            self.failures[model] = error
        except Exception as error:  # noqa: BLE001  # a thread's error would be lost
            _LOG.exception("the download of %s failed", model)
            self.failures[model] = HubError(
                f"Downloading {model} failed ({type(error).__name__}: {error}): try again.",
                "server",
                model,
            )
        finally:
            call_soon(loop, self._ended[model].set)
