"""Fetching a plan from the command line: it blocks, and Ctrl+C keeps what came."""

from __future__ import annotations

import threading
from collections.abc import Callable

from medusa_chat.errors import HubError
from medusa_chat.models.hub.download import Download
from medusa_chat.models.hub.plan import Plan
from medusa_chat.models.hub.progress import Progress

REPORT_SECONDS = 0.2


def fetch(plan: Plan, on_progress: Callable[[Progress], None]) -> None:
    """Download ``plan``; ``on_progress`` is called a few times a second, and at the end.

    Raises HubError when it fails. On KeyboardInterrupt, and whatever else ``on_progress`` raises,
    what came is kept: the next fetch goes on there.
    """
    download = Download(plan)
    failures: list[HubError] = []

    def run() -> None:
        try:
            download.run()
        except HubError as error:
            failures.append(error)

    # In a thread of its own, for a signal reaches the main one only between its waits.
    thread = threading.Thread(target=run, name="download", daemon=True)
    thread.start()
    try:
        is_over = False
        while not is_over:
            thread.join(REPORT_SECONDS)
            is_over = not thread.is_alive()
            on_progress(download.progress)
    except BaseException:
        download.pause()
        thread.join(REPORT_SECONDS)
        raise
    if failures:
        raise failures[0]
