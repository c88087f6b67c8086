"""One file from the Hub into its cache: goes on at the byte where it stopped, checks what came.

huggingface_hub itself begins an interrupted file anew. Here it grows in ``blobs/ETAG.incomplete``,
the name that the library's older versions give it too, and its own locks keep two programs from
fetching the same file at once.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from medusa_chat.errors import HubError
from medusa_chat.models.hub import cache, client
from medusa_chat.models.hub.checksum import new_checksum
from medusa_chat.models.hub.explain import explain, of_status, reason, unreachable
from medusa_chat.models.hub.plan import RemoteFile
from medusa_chat.models.hub.progress import State
from medusa_chat.models.hub.reference import Reference
from medusa_chat.models.hub.space import unwritten

_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0
_LONGEST_ASKED_WAIT_SECONDS = 310.0  # the Hub counts requests over five minutes
_MOST_FAILURES = 8
"""In a row, without a new byte; 93 seconds of waiting."""
_RETRIED = frozenset({408, 429})
_LOCK_SECONDS = 0.3
_READ_BYTES = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Stopped(Exception):  # noqa: N818  # nothing went wrong
    """The transfer was asked to stop."""


class _Failure(Exception):  # noqa: N818  # on the way to a HubError
    """An attempt that may succeed when it is made again."""

    def __init__(self, message: str, final: HubError, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.final = final
        self.wait_seconds = wait_seconds


class _Damaged(Exception):  # noqa: N818  # on the way to a HubError
    """What came is not the file that was listed."""


class Transfer:
    """The fetching of one file. ``run`` is called in a thread; the rest may be read from any."""

    def __init__(self, reference: Reference, commit: str, file: RemoteFile) -> None:
        self.reference = reference
        self.commit = commit
        self.file = file
        repository = reference.repository
        self.blob = cache.blob_path(repository, file.etag)
        self.partial = cache.partial_path(repository, file.etag)
        self.done_bytes = 0
        self.received_bytes = 0
        """From the network, discarded ones too."""
        self.state: State = "waiting"
        self.message = ""
        self._response: Any = None
        self.reset()

    def reset(self) -> None:
        """Look at the disk again before another ``run``."""
        self.done_bytes = cache.bytes_here(self.reference.repository, self.commit, self.file)
        self.state, self.message = "waiting", ""

    def run(self, stop: threading.Event) -> None:
        """Have the file in the cache. Raises Stopped when ``stop`` is set, HubError on failure."""
        try:
            if not self._is_here():
                self.blob.parent.mkdir(parents=True, exist_ok=True)
                with self._lock(stop):
                    self._fetch(stop)
            self.done_bytes = self.file.size
            self.state, self.message = "done", ""
        except OSError as error:
            raise self._disk_error(error) from error

    def interrupt(self) -> None:
        """Wake a ``run`` that waits for bytes; it ends if it was asked to stop."""
        response = self._response
        stream = None if response is None else response.extensions.get("network_stream")
        connection = None if stream is None else stream.get_extra_info("socket")
        if isinstance(connection, socket.socket):
            # Below any encryption: its own way of ending would wait for the other side.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _is_here(self) -> bool:
        return cache.is_file_here(self.reference.repository, self.commit, self.file)

    @contextlib.contextmanager
    def _lock(self, stop: threading.Event) -> Iterator[None]:
        """Hold the file's lock; while another program does, show how far that one is."""
        from huggingface_hub.utils import WeakFileLock

        path = cache.lock_path(self.reference.repository, self.file.etag)
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as held:
            while True:
                _check(stop)
                try:
                    held.enter_context(WeakFileLock(path, timeout=_LOCK_SECONDS))
                    break
                except TimeoutError:
                    self.state = "waiting"
                    self.message = f"another program is fetching {self.file.name}"
                    self.done_bytes = cache.bytes_here(
                        self.reference.repository, self.commit, self.file
                    )
            self.message = ""
            yield

    def _fetch(self, stop: threading.Event) -> None:
        for is_last in (False, True):
            if self._is_here():  # another program was faster
                return
            try:
                self._grow(stop)
            except _Damaged as damage:
                self.partial.unlink(missing_ok=True)
                self.done_bytes = 0
                if is_last:
                    raise HubError(
                        f"{self.file.name} of {self.reference} came damaged twice ({damage}): try "
                        "again later, or over another network.",
                        "damaged",
                        self.reference.repository,
                    ) from damage
                continue
            try:
                self.partial.replace(self.blob)
            except FileNotFoundError:
                # Some disks of a network lock nothing: another program wrote the same bytes, and
                # was the first to name them.
                if not self._is_here():
                    raise
            return

    def _grow(self, stop: threading.Event) -> None:
        """Bring the partial file to its full length, and check it. Raises _Damaged."""
        checksum = new_checksum(self.file)
        with _opened(self.partial) as descriptor:
            length = self._check_what_is_here(descriptor, checksum, stop)
            failures = 0
            wait_seconds = _FIRST_WAIT_SECONDS
            while length < self.file.size:
                before = length
                try:
                    with contextlib.closing(self._chunks(length, stop)) as chunks:
                        for chunk in chunks:
                            _write(descriptor, chunk)
                            checksum.update(chunk)
                            length += len(chunk)
                            self.done_bytes = length
                except _Failure as failure:
                    if length > before:
                        failures, wait_seconds = 0, _FIRST_WAIT_SECONDS
                    failures += 1
                    if failures >= _MOST_FAILURES:
                        raise failure.final from failure
                    self.state, self.message = "retrying", str(failure)
                    _wait(failure.wait_seconds or wait_seconds, stop)
                    wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)
            os.fsync(descriptor)
        if checksum.hexdigest() != self.file.etag:
            raise _Damaged("wrong checksum")

    def _check_what_is_here(self, descriptor: int, checksum: Any, stop: threading.Event) -> int:
        """Feed what is on disk already to the checksum, and return its length."""
        if os.fstat(descriptor).st_size > self.file.size:
            os.ftruncate(descriptor, 0)
        length = 0
        while chunk := os.read(descriptor, _READ_BYTES):
            self.state = "checking"
            _check(stop)
            checksum.update(chunk)
            length += len(chunk)
        self.done_bytes = length
        return length

    def _chunks(self, start: int, stop: threading.Event) -> Generator[bytes, None, None]:
        """Yield the file from byte ``start`` on. Raises _Failure, _Damaged, Stopped or HubError."""
        from huggingface_hub import constants
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HTTPError,  # its HTTP library's, whichever that is
            OfflineModeIsEnabled,
        )
        from huggingface_hub.utils import get_session

        _check(stop)
        headers = client.headers() | ({"Range": f"bytes={start}-"} if start else {})
        url = client.file_url(self.reference.repository, self.commit, self.file.name)
        left = self.file.size - start
        self.state, self.message = "downloading", ""
        try:
            # Every attempt asks the Hub, since the addresses that it redirects to expire. Its token
            # goes nowhere else: the client drops it where a redirect leaves the Hub.
            with get_session().stream(
                "GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
            ) as response:
                self._response = response
                skipped = self._begin(response, start)
                for chunk in response.iter_bytes():
                    _check(stop)
                    self.received_bytes += len(chunk)
                    if not left:  # more than was listed: the checksum judges what there is
                        break
                    new = chunk[skipped:][:left]
                    skipped -= min(skipped, len(chunk))
                    left -= len(new)
                    if new:
                        yield new
        except (HfHubHTTPError, OfflineModeIsEnabled) as error:
            raise explain(error, self.reference) from error
        except (HTTPError, RuntimeError) as error:  # RuntimeError: the shared client was closed
            _check(stop)
            raise _Failure(reason(error), unreachable(error, self.reference)) from error
        finally:
            self._response = None
        if left:
            early = EOFError(f"{self.file.name} ended {left} bytes early")
            raise _Failure(str(early), unreachable(early, self.reference))

    def _begin(self, response: Any, start: int) -> int:
        """Return how many bytes of an answer are on disk already. Raises as ``_chunks`` does."""
        from huggingface_hub.utils import hf_raise_for_status

        status = response.status_code
        if status == 416:
            raise _Damaged(f"the server has less than {start} bytes of it")
        # Who was redirected was let in by the Hub: an address has expired, or the storage fails.
        if status in _RETRIED or status >= 500 or (status >= 400 and response.history):
            raise _Failure(
                f"the server answers {status}",
                of_status(status, self.reference),
                _asked_wait(response.headers),
            )
        hf_raise_for_status(response)
        is_packed = response.headers.get("Content-Encoding", "identity") != "identity"
        if status == 206:
            found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if is_packed or found is None or int(found[1]) != start:
                raise _Damaged("the server gave another part than the one asked for")
            total = found[2]
        else:
            total = response.headers.get("Content-Length", "*")
        if total != "*" and not is_packed and int(total) != self.file.size:
            raise _Damaged(f"{total} bytes where {self.file.size} are listed")
        return 0 if status == 206 else start

    def _disk_error(self, error: OSError) -> HubError:
        repository = self.reference.repository
        missing = self.file.size - cache.bytes_here(repository, self.commit, self.file)
        return unwritten(error, self.file.size, missing, repository)


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped


def _wait(seconds: float, stop: threading.Event) -> None:
    stop.wait(seconds)
    _check(stop)


def _asked_wait(headers: Any) -> float | None:
    """Return how long the Hub asks to be left alone; None when it does not say."""
    from huggingface_hub.utils import parse_ratelimit_headers

    asked = headers.get("Retry-After", "").strip()
    limit = parse_ratelimit_headers(headers)
    if asked.isdecimal():
        seconds = float(asked)
    elif limit is not None and limit.remaining == 0:
        seconds = float(limit.reset_in_seconds)
    else:
        return None
    return min(seconds + 1, _LONGEST_ASKED_WAIT_SECONDS)  # they are rounded


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file to be read, then written at its end; nothing is buffered."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]
