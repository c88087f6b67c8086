from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what a test writes to its own folder, which is the current one too."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return home
