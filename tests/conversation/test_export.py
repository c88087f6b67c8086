from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medusa_chat.conversation.export import export
from medusa_chat.errors import MedusaChatError

from .examples import asked, conversation

if TYPE_CHECKING:
    from pathlib import Path


def test_the_name_comes_from_date_and_title_and_nothing_is_overwritten(tmp_path: Path) -> None:
    paths = [export(conversation(asked("Hi")), tmp_path) for _ in range(3)]
    assert [path.name for path in paths] == [
        "2026-03-04-how-do-trees-work.md",
        "2026-03-04-how-do-trees-work-2.md",
        "2026-03-04-how-do-trees-work-3.md",
    ]
    assert all(path.is_absolute() for path in paths)
    assert len({path.read_text() for path in paths}) == 1


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "2026-03-04-etc-passwd.md"),
        ("日本語", "2026-03-04-日本語.md"),
        ("?!", "2026-03-04-chat.md"),
        ("long " * 40, "2026-03-04-" + "-".join(["long"] * 9) + "-lon.md"),
    ],
)
def test_any_title_makes_a_plain_file_name(tmp_path: Path, title: str, name: str) -> None:
    assert export(conversation(title=title), tmp_path).name == name


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    path = export(conversation(), tmp_path / "missing", tmp_path)
    assert path.parent == tmp_path


def test_no_folder_that_can_be_written_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(MedusaChatError, match="missing: No such file or directory"):
        export(conversation(), tmp_path / "missing")


def test_half_a_file_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, text: str) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", lambda path, *_, **__: (path.touch(), Full())[1])
    with pytest.raises(MedusaChatError, match="No space left"):
        export(conversation(), tmp_path)
    assert list(tmp_path.iterdir()) == []
