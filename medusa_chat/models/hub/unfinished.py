"""What a download that will not go on leaves in the cache, and its removal."""

from __future__ import annotations

import contextlib
from pathlib import Path

from medusa_chat.models.hub import cache
from medusa_chat.models.hub.plan import RepositoryPlan


def remove_unfinished(plan: RepositoryPlan) -> None:
    """Remove the files of ``plan`` that no snapshot names, and folders that are empty then.

    A file that another program is fetching now stays.
    """
    repository = plan.reference.repository
    etags = {file.etag for file in plan.files}
    for file in cache.unlinked_files(repository):
        etag = file.name.partition(".")[0]
        if etag in etags:
            _remove(file, cache.lock_path(repository, etag))
    folder = cache.repository_folder(repository)
    for empty in (folder / "blobs", folder):
        with contextlib.suppress(OSError):  # not empty, or not there
            empty.rmdir()


def _remove(file: Path, lock: Path) -> None:
    from huggingface_hub.utils import WeakFileLock

    with contextlib.suppress(OSError):  # TimeoutError, where it is held, among them
        lock.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(lock, timeout=0.1):
            file.unlink(missing_ok=True)
