"""The families that the user chose for models without a chat template. Standard library only.

Kept in one small file of the data folder: ``{"model": "family"}``. What is unreadable in it counts
as not chosen.
"""

from __future__ import annotations

from pathlib import Path

from medusa_chat import json_file, paths
from medusa_chat.models.templates import FAMILIES

_FILE = "templates.json"


def remember(model: str, family: str) -> None:
    """Keep ``family`` for ``model``, in place of an earlier choice.

    Raises OSError where nothing can be written; what was kept before is then left as it was.
    """
    json_file.change(_file(), lambda choices: _chosen(choices) | {model: family})


def recall(model: str) -> str | None:
    """Return the family chosen for ``model``; None if none was."""
    return _chosen(json_file.read(_file())).get(model)


def _chosen(choices: object) -> dict[str, str]:
    if not isinstance(choices, dict):
        return {}
    return {model: family for model, family in choices.items() if family in FAMILIES}


def _file() -> Path:
    return paths.data_dir() / _FILE
