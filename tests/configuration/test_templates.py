"""Prompts that are kept as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medusa_chat.configuration.templates import described, names, read
from medusa_chat.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_templates_are_named_by_their_files(tmp_path: Path) -> None:
    assert names(tmp_path / "none") == []
    (tmp_path / "zebra.md").touch()
    (tmp_path / "ant.md").touch()
    (tmp_path / "other.txt").touch()
    (tmp_path / "folder.md").mkdir()
    assert names(tmp_path) == ["ant", "zebra"]
    assert described(tmp_path) == "Prompts: ant, zebra. /prompt NAME inserts one."


def test_the_selection_is_filled_in(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbfExplain\r\n{{selection}} for {{whom}}\n\n")
    assert read(tmp_path, "a", "this") == "Explain\nthis for {{whom}}"


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Put files like summary"):
        read(tmp_path, "x")
    (tmp_path / "summary.md").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="Did you mean summary"):
        read(tmp_path, "sumary")
    with pytest.raises(UsageError, match="There are summary"):
        read(tmp_path, "../secret")
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path, "summary")
