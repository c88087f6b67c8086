"""How one value in the settings file is changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from medusa_chat.configuration.file import read
from medusa_chat.configuration.saving import save
from medusa_chat.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = """\
# My settings
[decoding]
temperature = 0.2   # for code
top_k = 5

[keys]
medusa = "f8"
"""


def test_a_file_is_made_with_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.toml"
    save(file, "interface", "theme", "medusa-light")
    assert read(file).get("interface", "theme") == "medusa-light"
    assert file.read_text().startswith("# The settings of medusa-chat.")
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]


def test_comments_and_everything_else_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(WRITTEN.replace("\n", "\r\n").encode())
    save(file, "decoding", "temperature", 1.0)
    save(file, "decoding", "system", 'Say "no".\nTwice.')
    save(file, "decoding", "top_k", None)
    save(file, "model", "dtype", None)
    text = file.read_bytes().decode()
    assert "temperature = 1.0   # for code\r\n" in text
    assert "# My settings\r\n" in text
    assert "top_k" not in text
    assert "[model]" not in text
    found = read(file)
    assert found.keys == {"medusa": "f8"}
    assert found.get("decoding", "system") == 'Say "no".\nTwice.'
    assert found.problems == ()


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(WRITTEN)
    real.chmod(0o600)
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    save(link, "decoding", "top_k", 7)
    assert link.is_symlink()
    assert "top_k = 7" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("broken", ["[decoding\n", "a = 1\na = 2\n", "decoding = 3\n"])
def test_a_broken_file_is_left_alone(broken: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(broken)
    with pytest.raises(UsageError, match="Mend the file first"):
        save(file, "decoding", "top_k", 1)
    assert file.read_text() == broken


def test_a_disk_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(WRITTEN)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(UsageError, match="No space left"):
        save(file, "decoding", "top_k", 1)
    assert file.read_text() == WRITTEN
    assert os.listdir(tmp_path) == ["config.toml"]  # noqa: PTH208
