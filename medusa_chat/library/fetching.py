"""Fetching what a command needs before it can begin, with its sizes and its progress on stderr."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from medusa_chat.errors import HubError
from medusa_chat.models import base_choices
from medusa_chat.models.files import find_files, source
from medusa_chat.models.hub.plan import Plan
from medusa_chat.models.hub.progress import Progress
from medusa_chat.models.hub.reference import hub_name
from medusa_chat.models.templates import family
from medusa_chat.quantities import duration, rate, size
from medusa_chat.settings import ModelSettings
from medusa_chat.status_line import StatusLine, tell

_LINE_SECONDS = 10.0
"""Between two lines of progress where they are not rewritten."""


def fetch_missing(settings: ModelSettings) -> tuple[str, ...]:
    """Fetch what ``settings.model`` needs and is not here; without a word when all of it is.

    Returns the notices about its name that were told before: loading has them as well.
    Raises HubError when the Hub does not give it, ModelError for a model that cannot be found.
    KeyboardInterrupt leaves what came, and the next call goes on there.
    """
    missing = missing_repository(settings)
    if missing is None:
        return ()
    notices = source(settings).notices
    for notice in notices:
        tell(notice)
    from medusa_chat.models.hub.fetch import fetch

    with StatusLine() as status:
        status.show(f"Looking for {missing} on the Hub")
        plan = plan_missing(settings, missing)
    for line in describe(plan):
        tell(line)
    with StatusLine() as status:
        shown = _Shown(status)
        try:
            fetch(plan, shown.show)
        except KeyboardInterrupt:
            status.clear()
            tell("Stopped. What came is kept: the same command goes on from there.")
            raise
    tell(f"Fetched {plan.model}.")
    return notices


def missing_config(settings: ModelSettings) -> dict[str, Any] | None:
    """Return the Hub's config of the base of ``settings.model``; None when all of it is here.

    So it can be known what a base takes before its weights are fetched. Raises as ``fetch_missing``
    does.
    """
    missing = missing_repository(settings)
    if missing is None:
        return None
    from medusa_chat.models.hub.listing import list_repository, read_config

    last = plan_missing(settings, missing).repositories[-1]
    return read_config(list_repository(last.reference))


def missing_repository(settings: ModelSettings) -> str | None:
    """Return what of ``settings.model`` is not here, without the network; None when all of it is.

    Raises ModelError for a model that cannot be found.
    """
    try:
        find_files(settings)
    except HubError as error:
        if error.kind != "missing":
            raise
        return error.repository
    remember_base(settings)
    return None


def remember_base(settings: ModelSettings) -> None:
    """Keep the base that the user names, for another time when nobody does."""
    if settings.base_model is not None:
        # Where nothing can be kept, it has to be named again: no reason not to load it now.
        with contextlib.suppress(OSError):
            base_choices.remember(source(settings).name, hub_name(settings.base_model))


def plan_missing(settings: ModelSettings, missing: str) -> Plan:
    """Ask the Hub what ``settings.model`` takes, of which ``missing`` is not here.

    Raises HubError when the Hub does not give it, UsageError for a template that is not known.
    """
    from medusa_chat.models.hub.plan_for import make_plan

    if settings.template is not None:  # loading would say so after hours of fetching
        family(settings.template)
    wanted = source(settings)
    # Of heads in a folder here, only the base is to be fetched.
    plan = make_plan(missing) if wanted.is_folder else make_plan(wanted.name, wanted.base)
    remember_base(settings)
    return plan


class _Shown:
    """A download on stderr: one line that is rewritten, or a line now and then."""

    def __init__(self, status: StatusLine) -> None:
        self._status = status
        self._told_at = time.monotonic()

    def show(self, progress: Progress) -> None:
        # A terminal has little room, and the name stands above.
        self._status.show(f"{progress.state.capitalize()}: {_figures(progress)}")
        now = time.monotonic()
        if not self._status.is_rewritten and now - self._told_at >= _LINE_SECONDS:
            self._told_at = now
            tell(in_words(progress))


def describe(plan: Plan) -> list[str]:
    """Return what a plan brings, part by part, how much of it is to come, and the room for it."""
    from medusa_chat.models.hub.cache import free_bytes

    lines = []
    for part in plan.repositories:
        files = f"{len(part.files)} file{'' if len(part.files) == 1 else 's'}"
        here = f", {size(part.bytes_here)} of it here" if part.bytes_here else ""
        lines.append(f"{part.reference}: {size(part.total_bytes)} in {files}{here}")
    if plan.bytes_missing:
        lines.append(f"Fetching {size(plan.bytes_missing)}; {size(free_bytes())} are free.")
    else:
        lines.append("All of it is here.")
    return lines


def in_words(progress: Progress) -> str:
    """Return how far a download is, in one line."""
    return f"{progress.state.capitalize()} {progress.model}: {_figures(progress)}"


def _figures(progress: Progress) -> str:
    words = [f"{size(progress.done_bytes)} of {size(progress.total_bytes)}"]
    if progress.bytes_per_second:
        words.append(rate(progress.bytes_per_second))
    if progress.seconds_left is not None:
        words.append(f"{duration(progress.seconds_left)} left")
    if progress.message:
        words.append(progress.message)
    return ", ".join(words)
