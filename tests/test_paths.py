"""Where the program writes: the folder of the environment, else the system's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from medusa_chat import log, paths


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[logging.Logger]:
    """Leave the root logger as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


def test_home_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "new/home"))
    assert paths.data_dir() == tmp_path / "new/home"
    assert paths.data_dir().is_dir()
    assert paths.log_file().parent == tmp_path / "new/home"


def test_homes_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MEDUSA_CHAT_HOME", raising=False)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for path in (paths.data_dir(), paths.log_file().parent):
        assert path.is_dir()
        assert path.is_relative_to(tmp_path)
        assert "medusa-chat" in path.parts


def test_log_takes_what_is_logged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    path = log.start_log()
    assert path == tmp_path / "medusa-chat.log"
    logging.getLogger("anything").warning("something happened")
    assert "something happened" in path.read_text("utf-8")


def test_long_log_is_moved_aside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    path = tmp_path / "medusa-chat.log"
    path.write_bytes(b"x" * 6_000_000)
    assert log.start_log() == path
    assert path.stat().st_size == 0
    assert (tmp_path / "medusa-chat.old.log").stat().st_size == 6_000_000


def test_log_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "file"))
    assert log.start_log() is None
    assert "could not be written" in log.record(ValueError("a\nb"))


def test_folder_of_the_users_own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "home"))
    assert paths.config_dir() == tmp_path / "home"
    assert not paths.config_dir().exists()  # it is read, and never made
    monkeypatch.delenv("MEDUSA_CHAT_HOME")
    for name in ("HOME", "XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert paths.config_dir().is_relative_to(tmp_path)
    assert "medusa-chat" in paths.config_dir().parts


def test_what_no_folder_can_be_called_is_no_folder() -> None:
    for name in ("x" * 300, "~nobody-is-called-so/model"):
        assert not paths.is_folder(paths.written(name))
