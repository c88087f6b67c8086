"""What a download that will not go on leaves in the cache, and its removal."""

from __future__ import annotations

import contextlib

from medusa_chat.models.hub import cache
from medusa_chat.models.hub.plan import RepositoryPlan


def remove_unfinished(plan: RepositoryPlan) -> None:
    """Remove the files of ``plan`` that no snapshot names, and folders that are empty then.

    Nothing is removed while another program fetches any of them: it needs the others too. Raises
    OSError.
    """
    repository = plan.reference.repository
    etags = {file.etag for file in plan.files}
    if any(is_being_fetched(repository, etag) for etag in etags):
        return
    for file in cache.unlinked_files(repository):
        if cache.etag_of(file) in etags:
            file.unlink(missing_ok=True)
    folder = cache.repository_folder(repository)
    for empty in (folder / "blobs", folder):
        with contextlib.suppress(OSError):  # not empty, or not there
            empty.rmdir()


def is_being_fetched(repository: str, etag: str) -> bool:
    """Return whether a program holds the lock of a file now."""
    from huggingface_hub.utils import WeakFileLock

    lock = cache.lock_path(repository, etag)
    if not lock.exists():
        return False
    try:
        with WeakFileLock(lock, timeout=0.05):
            return False
    except TimeoutError:
        return True
    except OSError:
        return False  # a lock that cannot be taken hinders nobody
