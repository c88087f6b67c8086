"""Names for the files that came: the snapshot of a commit, and what a branch is at.

As huggingface_hub makes them, so that every program that uses it finds them.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from medusa_chat.models.hub import cache
from medusa_chat.models.hub.contents import heads_file, weights
from medusa_chat.models.hub.plan import RepositoryPlan


def point_at(plan: RepositoryPlan) -> None:
    """Make the snapshot of files that are all in the cache. Raises OSError.

    What makes a model loadable, its weights and then the branch, comes last: whoever is killed in
    between leaves a model that is not taken for a whole one.
    """
    repository = plan.reference.repository
    folder = cache.snapshot_path(repository, plan.commit)
    names = {file.name for file in plan.files}
    heavy = weights(names) | {heads_file(names)}
    moved: dict[str, Path] = {}
    for file in sorted(plan.files, key=lambda file: (file.name in heavy, file.name)):
        pointer = folder / file.name
        if not (pointer.is_file() and pointer.stat().st_size == file.size):
            folder.mkdir(parents=True, exist_ok=True)
            _point(pointer, cache.blob_path(repository, file.etag), moved)
    if plan.reference.revision != plan.commit:
        _refer(cache.repository_folder(repository) / "refs" / plan.reference.revision, plan.commit)


def _point(pointer: Path, blob: Path, moved: dict[str, Path]) -> None:
    from huggingface_hub import constants

    pointer.unlink(missing_ok=True)  # to nothing, or cut short
    if not constants.HF_HUB_DISABLE_SYMLINKS:
        try:
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))
        except FileExistsError:  # by another program, in this moment
            return
        except OSError:
            pass  # Windows gives the right to make links to few: the file itself is moved there
        else:
            return
    if blob.is_file():
        shutil.move(blob, pointer)
        moved[blob.name] = pointer
    elif blob.name in moved:
        shutil.copyfile(moved[blob.name], pointer)


def _refer(ref: Path, commit: str) -> None:
    try:
        if ref.read_text("utf-8") == commit:
            return
    except OSError:
        pass
    ref.parent.mkdir(parents=True, exist_ok=True)
    written = ref.with_name(f"{ref.name}.{uuid.uuid4().hex[:8]}.tmp")
    written.write_text(commit, "utf-8")
    written.replace(ref)  # nobody reads half of it
