"""The download of a plan: several files at a time, paused and resumed, its progress for anyone."""

from __future__ import annotations

import threading
import time
from collections import deque

from medusa_chat.errors import HubError
from medusa_chat.models.hub import cache
from medusa_chat.models.hub.explain import unwritable
from medusa_chat.models.hub.plan import Plan, RepositoryPlan
from medusa_chat.models.hub.pointers import point_at
from medusa_chat.models.hub.progress import FileProgress, Progress, State
from medusa_chat.models.hub.space import check_space, unwritten
from medusa_chat.models.hub.transfer import Stopped, Transfer
from medusa_chat.models.hub.unfinished import remove_unfinished

_FILES_AT_A_TIME = 4
_RATE_SECONDS = 5.0
_SHORTEST_RATE_SECONDS = 0.4
_ENDING = {"pause": "pausing", "cancel": "cancelling"}
_ENDS: dict[str, State] = {"pause": "paused", "cancel": "cancelled"}


class Download:
    """A download, begun or not. All methods may be called from any thread."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._transfers = {
            part: [Transfer(part.reference, part.commit, file) for file in part.files]
            for part in plan.repositories
        }
        self._state: State = "waiting"
        self._message = ""
        self._running = False
        self._asked: str | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failure: HubError | None = None
        self._rate = _Rate()

    def run(self) -> None:
        """Download until all is here, or until paused or cancelled. Call it again to go on.

        Raises HubError when it fails: what came is kept, and another ``run`` goes on.
        """
        with self._lock:
            if self._running or self._state in ("done", "cancelled"):
                return
            self._running, self._asked, self._failure = True, None, None
            self._stop.clear()
            self._state, self._message = "downloading", ""
            self._rate = _Rate()
        try:
            self._run()
        except HubError as error:
            self._end("failed", str(error))
            raise
        except BaseException:
            self._end("failed", f"Downloading {self.plan.model} failed: try again.")
            raise

    def pause(self) -> None:
        """End ``run`` soon; what came is kept, and another ``run`` goes on there."""
        self._ask("pause")

    def cancel(self) -> None:
        """End ``run`` soon, and remove what came of files and models that are not whole."""
        self._ask("cancel")

    @property
    def progress(self) -> Progress:
        """How far it is. Cheap: nothing is read from the disk."""
        transfers = [(part, one) for part, all_of in self._transfers.items() for one in all_of]
        files = tuple(
            FileProgress(part.reference.repository, one.file.name, one.file.size, one.done_bytes)
            for part, one in transfers
        )
        received = sum(one.received_bytes for _part, one in transfers)
        with self._lock:
            state, message, running = self._state, self._message, self._running
            rate = self._rate.at(received) if running else None
        if running:
            state, message = _state_of([one for _part, one in transfers])
            message = _ENDING.get(self._asked or "", message)
        return Progress(self.plan.model, state, files, rate, message)

    def _ask(self, what: str) -> None:
        with self._lock:
            running = self._running
            if self._state in ("done", "cancelled") or self._asked == "cancel":
                return
            self._asked = what
            self._stop.set()
            if not running:
                self._state, self._message = _ENDS[what], ""
        if running:
            self._interrupt()
        elif what == "cancel":
            try:
                self._discard()
            except HubError as error:
                self._end("failed", str(error))

    def _interrupt(self) -> None:
        for transfers in self._transfers.values():
            for transfer in transfers:
                transfer.interrupt()

    def _run(self) -> None:
        transfers = [one for all_of in self._transfers.values() for one in all_of]
        for transfer in transfers:
            transfer.reset()
        missing = sum(one.file.size - one.done_bytes for one in transfers)
        check_space(missing, self.plan.model)
        # Small ones first: a model's configuration soon tells what it is.
        queue = deque(sorted(transfers, key=lambda one: one.file.size))
        workers = [
            # They end with the program, even while a server does not answer.
            threading.Thread(target=self._work, args=(queue,), name="transfer", daemon=True)
            for _ in range(min(_FILES_AT_A_TIME, len(queue)))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for part, all_of in self._transfers.items():
            if all(transfer.state == "done" for transfer in all_of):
                self._point(part)
        if self._failure is not None:
            raise self._failure
        asked = self._asked
        if asked is None or all(one.state == "done" for one in transfers):
            self._end("done")
        elif asked == "cancel":
            self._discard()
            self._end("cancelled")
        else:
            self._end("paused")

    def _work(self, queue: deque[Transfer]) -> None:
        while True:
            try:
                transfer = queue.popleft()
            except IndexError:
                return
            try:
                transfer.run(self._stop)
            except Stopped:
                transfer.state = "paused"
                return
            except HubError as error:
                self._fail(transfer, error)
                return
            except Exception as error:  # noqa: BLE001  # a thread's error would be lost
                repository = transfer.reference.repository
                name = f"{transfer.file.name} of {repository}"
                text = f"Downloading {name} failed ({type(error).__name__}: {error}): try again."
                self._fail(transfer, HubError(text, "server", repository))
                return

    def _fail(self, transfer: Transfer, error: HubError) -> None:
        transfer.state = "failed"
        with self._lock:
            self._failure = self._failure or error
        self._stop.set()
        self._interrupt()

    def _point(self, part: RepositoryPlan) -> None:
        repository = part.reference.repository
        if not all(cache.is_file_here(repository, part.commit, file) for file in part.files):
            raise HubError(
                f"Files of {part.reference} were removed from the cache while others came: try "
                "again.",
                "damaged",
                repository,
            )
        try:
            point_at(part)
        except OSError as error:
            raise unwritten(error, 0, 0, repository) from error

    def _discard(self) -> None:
        for part, transfers in self._transfers.items():
            try:
                remove_unfinished(part)
            except OSError as error:
                raise unwritable(error, cache.root(), part.reference.repository) from error
            for transfer in transfers:
                transfer.reset()

    def _end(self, state: State, message: str = "") -> None:
        with self._lock:
            self._state, self._message, self._running = state, message, False


class _Rate:
    """Bytes a second, over the last seconds that anybody looked at."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, received_bytes: int) -> float | None:
        now = time.monotonic()
        self._seen.append((now, received_bytes))
        while len(self._seen) > 2 and now - self._seen[0][0] > _RATE_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        if now - then < _SHORTEST_RATE_SECONDS:
            return None
        return (received_bytes - before) / (now - then)


def _state_of(transfers: list[Transfer]) -> tuple[State, str]:
    """Return the state that says most of all, and why."""
    states: tuple[State, ...] = ("downloading", "checking", "retrying", "waiting")
    for state in states:
        for transfer in transfers:
            if transfer.state == state:
                return (state, transfer.message)
    return ("downloading", "")
