"""The versions of the programs that make a reply, read without importing them."""

from __future__ import annotations

import platform
from functools import cache

_PACKAGES = ("medusa-chat", "torch", "transformers", "bitsandbytes")


@cache
def program_versions() -> dict[str, str]:
    """Return name and version of Python and of each package that is installed."""
    from importlib import metadata

    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
