"""``medusa-chat models pull``: what it takes is said first, then all of it is fetched.

Several models come at a time. Ctrl+C pauses them: what came is kept, and the next pull goes on.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from medusa_chat import paths
from medusa_chat.errors import INTERRUPTED, HubError, UsageError
from medusa_chat.library import table
from medusa_chat.library.catalog import Machine, entry_of
from medusa_chat.library.fetching import describe, remember_base
from medusa_chat.library.inspection import inspect
from medusa_chat.library.progress_display import ProgressDisplay
from medusa_chat.library.remote import remote_entry
from medusa_chat.models.files import source
from medusa_chat.models.hub import cache
from medusa_chat.models.hub.download import Download
from medusa_chat.models.hub.plan import Plan
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.progress import Progress
from medusa_chat.models.hub.space import check_space
from medusa_chat.models.registry import registry
from medusa_chat.printable import printable
from medusa_chat.settings import ModelSettings
from medusa_chat.status_line import StatusLine, tell

_SHOW_SECONDS = 0.2
_PAUSE_SECONDS = 5.0
"""How long a pause waits for what is being written."""


def pull(names: Sequence[str], base_model: str | None, machine: Machine, *, as_json: bool) -> int:
    """Fetch the models called ``names`` and return the exit status: 130 when Ctrl+C paused it.

    Whether they will fit into ``machine`` is said first.

    Raises HubError when one cannot be fetched, once the others are, and MedusaChatError for a name
    that means nothing; then nothing is fetched at all.
    """
    plans = {}
    for name in dict.fromkeys(names):
        plan = _plan(name, base_model)
        if plan is not None:
            plans[name] = plan
    for name, plan in plans.items():
        tell(f"{_title(name)}:")
        for line in describe(plan):
            tell(f"  {line}")
        fits = _fit(plan, machine)
        if fits is not None:
            tell(f"  {fits}")
    check_space(sum(plan.bytes_missing for plan in plans.values()), " and ".join(plans))
    downloads = {name: Download(plan) for name, plan in plans.items()}
    try:
        with ProgressDisplay() as display:
            failures = fetch_all(list(downloads.values()), display.show)
    except KeyboardInterrupt:
        _print_records(downloads, as_json=as_json)
        tell("Paused: what came is kept. The same command goes on from there.")
        return INTERRUPTED
    _print_records(downloads, as_json=as_json)
    for name, download in downloads.items():
        if download.progress.state == "done" and not as_json:
            print(printable(f"{name} is here: medusa-chat --model {name} chats with it."))
    for failure in failures[1:]:
        tell(str(failure))
    if failures:
        raise failures[0]
    return 0


def fetch_all(
    downloads: Sequence[Download], show: Callable[[Sequence[Progress]], None]
) -> list[HubError]:
    """Run all ``downloads`` to their ends; ``show`` is called a few times a second, and last.

    Returns why those that failed did. On KeyboardInterrupt all are paused: what came is kept.
    """
    failures: list[HubError] = []

    def run(download: Download) -> None:
        try:
            download.run()
        except HubError as error:
            failures.append(error)

    # In threads of their own: a signal reaches the main one only between its waits.
    threads = [
        threading.Thread(target=run, args=(download,), name="download", daemon=True)
        for download in downloads
    ]
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            show([download.progress for download in downloads])
            _join(threads, _SHOW_SECONDS)
        show([download.progress for download in downloads])
    except BaseException:
        for download in downloads:
            download.pause()
        _join(threads, _PAUSE_SECONDS)
        raise
    return failures


def _join(threads: Sequence[threading.Thread], seconds: float) -> None:
    """Wait for ``seconds``, or until all threads have ended."""
    until = time.monotonic() + seconds
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, until - time.monotonic()))


def _plan(name: str, base_model: str | None) -> Plan | None:
    """Ask the Hub what ``name`` takes; None, and a word about it, for what it is not asked of."""
    settings = ModelSettings(model=name, base_model=base_model)
    wanted = source(settings)
    for notice in wanted.notices:
        tell(notice)
    if wanted.shipped is not None:
        tell(f"{name} ships with the program: there is nothing to fetch.")
        return None
    own = inspect(paths.written(wanted.name)) if wanted.is_folder else None
    if own is not None and not own.is_heads_alone:
        loads = f" medusa-chat --model {name} loads it." if own.is_model else ""
        raise UsageError(
            f"{name} is a folder on this machine, and no model of the Hub (owner/name): there is "
            f"nothing to fetch.{loads}"
        )
    with StatusLine() as status:
        status.show(f"Looking for {wanted.name} on the Hub")
        plan = make_plan(wanted.name, wanted.base)
    remember_base(settings)
    if not plan.repositories:
        tell(f"{name} and its base are folders on this machine: there is nothing to fetch.")
        return None
    return plan


def _fit(plan: Plan, machine: Machine) -> str | None:
    """Return whether what ``plan`` brings will fit, in words; None where that is not known."""
    entry = entry_of(plan.model, machine)
    if entry is None or not entry.choices:
        bases = [str(part.reference) for part in plan.repositories[1:]]
        entry = remote_entry(plan.model, machine, *bases)
    return table.verdict(entry)


def _title(name: str) -> str:
    known = registry().find(name)
    return name if known is None else f"{known.title}, {known.licence or 'licence not known'}"


def _print_records(downloads: dict[str, Download], *, as_json: bool) -> None:
    if as_json:
        for name, download in downloads.items():
            print(json.dumps(_record(name, download)))


def _record(name: str, download: Download) -> dict[str, Any]:
    progress = download.progress
    repositories = []
    for part in download.plan.repositories:
        folder = cache.snapshot_path(part.reference.repository, part.commit)
        repositories.append(
            {
                "repository": part.reference.repository,
                "revision": part.reference.revision,
                "commit": part.commit,
                "total_bytes": part.total_bytes,
                "folder": str(folder) if progress.state == "done" else None,
            }
        )
    return {
        "model": name,
        "state": progress.state,
        "done_bytes": progress.done_bytes,
        "total_bytes": progress.total_bytes,
        "message": progress.message,
        "repositories": repositories,
    }
