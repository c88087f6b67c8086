"""The checksum that names a file in the Hub's cache. Standard library only."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from medusa_chat.models.hub.plan import RemoteFile

_SHA1 = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_checksum(etag: str) -> bool:
    """Return whether ``etag`` is one that can be computed: SHA-256, or git's SHA-1."""
    return bool(_SHA1.fullmatch(etag) or _SHA256.fullmatch(etag))


def new_checksum(file: RemoteFile) -> Any:
    """Return the hash object that must end at ``file.etag`` once the file's bytes are fed to it."""
    if _SHA256.fullmatch(file.etag):
        return hashlib.sha256()
    # git hashes a header, then the content.
    return hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
