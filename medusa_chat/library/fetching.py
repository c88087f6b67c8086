"""Fetching what a command needs before it can begin, with its sizes and its progress on stderr."""

from __future__ import annotations

import sys
import time

from medusa_chat.errors import HubError
from medusa_chat.models.files import find_files, source
from medusa_chat.models.hub.plan import Plan
from medusa_chat.models.hub.progress import Progress
from medusa_chat.printable import printable
from medusa_chat.quantities import duration, rate, size
from medusa_chat.settings import ModelSettings
from medusa_chat.status_line import StatusLine

_LINE_SECONDS = 10.0
"""Between two lines of progress where they are not rewritten."""


def fetch_missing(settings: ModelSettings) -> None:
    """Fetch what ``settings.model`` needs and is not here; without a word when all of it is.

    Raises HubError when the Hub does not give it, ModelError for a model that cannot be found.
    KeyboardInterrupt leaves what came, and the next call goes on there.
    """
    try:
        find_files(settings)
    except HubError as error:
        if error.kind != "missing":
            raise
        missing = error.repository
    else:
        return
    from medusa_chat.models.hub.fetch import fetch
    from medusa_chat.models.hub.plan_for import make_plan

    wanted = source(settings)
    with StatusLine() as status:
        status.show(f"Looking for {missing} on the Hub")
        # Of heads in a folder here, only the base is to be fetched.
        alone = wanted.is_folder
        plan = make_plan(missing) if alone else make_plan(wanted.name, wanted.base)
    _tell_sizes(plan)
    with StatusLine() as status:
        shown = _Shown(status)
        try:
            fetch(plan, shown.show)
        except KeyboardInterrupt:
            status.clear()
            _tell("Stopped. What came is kept: the same command goes on from there.")
            raise
    _tell(f"Fetched {plan.model}.")


class _Shown:
    """A download on stderr: one line that is rewritten, or a line now and then."""

    def __init__(self, status: StatusLine) -> None:
        self._status = status
        self._told_at = time.monotonic()

    def show(self, progress: Progress) -> None:
        line = _line(progress)
        self._status.show(line)
        now = time.monotonic()
        if not self._status.is_rewritten and now - self._told_at >= _LINE_SECONDS:
            self._told_at = now
            _tell(line)


def _tell_sizes(plan: Plan) -> None:
    for part in plan.repositories:
        files = f"{len(part.files)} file{'' if len(part.files) == 1 else 's'}"
        here = f", {size(part.bytes_here)} of it here" if part.bytes_here else ""
        _tell(f"{part.reference}: {size(part.total_bytes)} in {files}{here}")
    _tell(f"Fetching {size(plan.bytes_missing)}.")


def _line(progress: Progress) -> str:
    words = [f"{size(progress.done_bytes)} of {size(progress.total_bytes)}"]
    if progress.bytes_per_second:
        words.append(rate(progress.bytes_per_second))
    if progress.seconds_left is not None:
        words.append(f"{duration(progress.seconds_left)} left")
    if progress.message:
        words.append(progress.message)
    return f"{progress.state.capitalize()} {progress.model}: {', '.join(words)}"


def _tell(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)
