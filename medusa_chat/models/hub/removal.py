"""Taking a model out of the Hub's cache: what that frees, and what is spared."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from dataclasses import dataclass
from typing import Any

from medusa_chat.errors import HubError
from medusa_chat.models.hub import cache, client
from medusa_chat.models.hub.explain import unwritable
from medusa_chat.models.hub.reference import MAIN, Reference
from medusa_chat.models.hub.unfinished import is_being_fetched
from medusa_chat.quantities import size


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing a reference would do. Nothing is done before ``execute``."""

    reference: Reference
    commits: tuple[str, ...]
    """Whose files go."""
    frees_bytes: int
    kept_reasons: tuple[str, ...] = ()
    """What stays, and why."""

    @property
    def repository(self) -> str:
        """The repository's name."""
        return self.reference.repository

    def execute(self) -> None:
        """Remove it. Raises HubError when something of it is being fetched, or cannot be removed.

        Files that another revision needs stay.
        """
        from huggingface_hub.errors import CacheNotFound

        folder = cache.repository_folder(self.repository)
        if self.reference.revision == MAIN:
            etags = {cache.etag_of(file) for file in cache.unlinked_files(self.repository)}
            if any(is_being_fetched(self.repository, etag) for etag in etags):
                raise HubError(
                    f"{self.repository} is being downloaded: pause or cancel that first.",
                    "unwritable",
                    self.repository,
                )
        client.silence()
        try:
            with contextlib.suppress(CacheNotFound):
                _scanned(self.repository).delete_revisions(*self.commits).execute()
            if self.reference.revision == MAIN and folder.exists():  # what it does not read
                shutil.rmtree(folder)
        except OSError as error:
            raise unwritable(error, folder, self.repository) from error


def plan_removal(reference: Reference) -> Removal:
    """Return what removing ``reference`` would do.

    A name alone means all that the cache has of the repository, with parts of downloads; a name
    with a revision, that one's files alone. Raises HubError when nothing of it is there.
    """
    from huggingface_hub.errors import CacheNotFound

    client.silence()
    repository = reference.repository
    everything = reference.revision == MAIN
    try:
        scanned = _scanned(repository)
    except CacheNotFound:
        raise _missing(reference) from None
    sizes: dict[str, int] = {
        revision.commit_hash: revision.size_on_disk
        for one in scanned.repos
        for revision in one.revisions
    }
    commit = cache.commit_of(reference)
    chosen = tuple(one for one in sizes if everything or one == commit)
    if not chosen:
        usage = cache.usage_of(repository)
        # Parts of a download; or damage, so that the library does not read it.
        if not everything or not cache.repository_folder(repository).is_dir():
            raise _missing(reference)
        return Removal(reference, (), usage.complete_bytes + usage.partial_bytes)
    freed: int = scanned.delete_revisions(*chosen).expected_freed_size
    if everything:
        return Removal(reference, chosen, freed + cache.usage_of(repository).partial_bytes)
    shared = sum(sizes[one] for one in chosen) - freed
    kept = f"{size(shared)} of it belong to another revision of {repository} too"
    return Removal(reference, chosen, freed, (kept,) if shared else ())


def _scanned(repository: str) -> Any:
    """Return what the library finds of one model in the cache, and nothing else.

    It removes by the commit alone, and copies of a repository have the same ones.
    """
    from huggingface_hub import scan_cache_dir

    scanned = scan_cache_dir(cache.root())
    repos = (one for one in scanned.repos if one.repo_type == "model" and one.repo_id == repository)
    return dataclasses.replace(scanned, repos=frozenset(repos))


def _missing(reference: Reference) -> HubError:
    return HubError(
        f"Nothing of {reference} is in the Hub's cache ({cache.root()}).",
        "missing",
        reference.repository,
    )
