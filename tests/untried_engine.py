"""An engine with the golden model, of which nothing was ever measured."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from command_line import HEADS

from medusa_chat.engine.local import Engine
from medusa_chat.settings import ModelSettings


@cache
def _loaded() -> Engine:
    engine = Engine()
    engine.load(ModelSettings(HEADS), lambda _stage, _fraction: None)
    return engine


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Return it with its cache empty; what is measured is kept in a folder of the test's own."""
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    engine = _loaded()
    engine._trees.clear()
    engine.forget()
    return engine
