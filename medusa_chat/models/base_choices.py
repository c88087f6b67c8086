"""The bases that the user named for heads which name none themselves. Standard library only.

Kept in one small file of the data folder: ``{"heads": "base"}``. What is unreadable in it counts as
not named.
"""

from __future__ import annotations

from pathlib import Path

from medusa_chat import json_file, paths

_FILE = "bases.json"


def remember(heads: str, base: str) -> None:
    """Keep ``base``, a Hub id or a folder, for ``heads``, in place of an earlier one.

    Raises OSError where nothing can be written; what was kept before is then left as it was.
    """
    key, named = _key(heads), _absolute(base)
    if _read().get(key) != named:
        json_file.change(_file(), lambda bases: _named(bases) | {key: named})


def recall(heads: str) -> str | None:
    """Return the base that was last named for ``heads``; None if none was."""
    return _read().get(_key(heads))


def _key(heads: str) -> str:
    """Return the name of heads: of the Hub's at any revision, for they belong to the same base."""
    name = _absolute(heads)
    return name if name != heads else heads.partition("@")[0]


def _absolute(name: str) -> str:
    """Return a folder's whole path, and any other name as it is."""
    folder = paths.written(name)
    return str(folder.resolve()) if paths.is_folder(folder) else name


def _read() -> dict[str, str]:
    return _named(json_file.read(_file()))


def _named(bases: object) -> dict[str, str]:
    if not isinstance(bases, dict):
        return {}
    return {heads: base for heads, base in bases.items() if isinstance(base, str) and base}


def _file() -> Path:
    return paths.data_dir() / _FILE
