"""Where things lie: what ships with the program, and what the program writes."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Return the path of ``models.toml`` or of a file or folder under ``assets``.

    A wheel carries both inside the package; a checkout (and an editable install of one) has them
    beside it. Raises FileNotFoundError, with the name, when neither holds it.
    """
    for root in (_PACKAGE, _PACKAGE.parent):
        path = root / name
        if path.exists():
            return path
    raise FileNotFoundError(f"{name} is missing from this installation: install medusa-chat again")


def data_dir() -> Path:
    """Return the folder of the conversations, made if need be (``MEDUSA_CHAT_HOME`` overrides)."""
    return _made(_home("data"))


def config_dir() -> Path:
    """Return the folder of the user's own ``models.toml``; it need not be there."""
    return _home("config")


def log_file() -> Path:
    """Return the path of the log that error messages name; its folder is made if need be."""
    return _made(_home("log")) / "medusa-chat.log"


def written(path: str) -> Path:
    """Return a path as it was written, with ``~`` and ``~user`` replaced where there is a home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_folder(path: Path) -> bool:
    """Tell whether a folder lies there; where nobody can look, and under no possible name, none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _home(kind: str) -> Path:
    override = os.environ.get("MEDUSA_CHAT_HOME")
    if override:
        return written(override)
    import platformdirs

    if kind == "log":
        return platformdirs.user_log_path("medusa-chat", appauthor=False)
    if kind == "config":
        return platformdirs.user_config_path("medusa-chat", appauthor=False)
    return platformdirs.user_data_path("medusa-chat", appauthor=False)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
