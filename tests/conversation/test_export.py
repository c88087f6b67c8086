from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.conversation.export import export, markdown
from medusa_chat.errors import MedusaChatError

from .examples import RECIPE, asked, conversation, replied

if TYPE_CHECKING:
    from pathlib import Path


def front_matter(text: str) -> dict[str, str]:
    lines = text.split("---\n")[1].splitlines()
    return dict(line.strip().split(": ", 1) for line in lines if ": " in line)


def test_the_front_matter_names_model_settings_and_versions() -> None:
    matter = front_matter(markdown(conversation(asked("Hi"), replied("Hello"))))
    assert matter["title"] == '"How do trees work?"'
    assert matter["date"].startswith("2026-03-04T")
    assert matter["model"] == '"builtin"'
    assert matter["quantization"] == '"none"'
    assert matter["dtype"] == '"float32"'
    assert matter["device"] == '"cpu"'
    assert matter["temperature"] == "0.7"
    assert matter["seed"] == "7"
    assert matter["system"] == '"Be brief."'
    assert matter["medusa-chat"] == '"0.1.0"'


def test_a_conversation_without_a_reply_names_no_model() -> None:
    assert "model" not in front_matter(markdown(conversation(asked("Hi"))))


def test_every_turn_has_a_heading_and_every_reply_its_figures() -> None:
    text = markdown(conversation(asked("Hi"), replied("Hello")))
    assert text.endswith(
        "# How do trees work?\n\n## You\n\nHi\n\n## builtin\n\nHello\n\n"
        "*Made with: mode medusa, tree dynamic, 8 nodes, acceptance exact, temperature 0.7, "
        "top\\_p 1.0, top\\_k 0, seed 7, max\\_new\\_tokens 512, a system prompt.*\n\n"
        "*94 tok/s · 3 tokens · ended by eos*\n"
    )


def test_a_reply_that_was_cut_off_says_so() -> None:
    assert "not finished" in markdown(conversation(replied("Hel", outcome=None)))


def test_a_reply_that_never_began_has_no_settings() -> None:
    assert "## Reply\n\n*94" in markdown(conversation(replied("", recipe=None)))


def test_no_versions_are_an_empty_mapping() -> None:
    recipe = dataclasses.replace(RECIPE, versions={})
    assert "versions: {}" in markdown(conversation(replied("a", recipe=recipe)))


@pytest.mark.parametrize(
    "text",
    [
        "plain words\n\nand *markup*",
        "```python\nx = '# no heading'\n```",
        "~~~\n```\n~~~",
        "- a list\n- of two",
    ],
)
def test_a_text_that_cannot_be_mistaken_stands_as_it_is(text: str) -> None:
    assert f"## You\n\n{text}\n" in markdown(conversation(asked(text)))


@pytest.mark.parametrize(
    "text",
    [
        "## You\n\nI never said that",
        "A heading\n===",
        "A heading\n---",
        "```python\nnever closed",
        "<!-- swallows what follows",
        "````\n```\nnot closed by the shorter fence",
        "  # indented",
        "",
        "\n",
    ],
)
def test_a_text_that_could_be_mistaken_stands_within_a_fence(text: str) -> None:
    lines = markdown(conversation(asked(text))).split("\n")
    start = next(n for n, line in enumerate(lines) if line.endswith("`markdown"))
    fence = lines[start].removesuffix("markdown")
    assert fence not in text
    assert "\n".join(lines[start + 1 :]).startswith(f"{text}\n{fence}\n")


@given(st.text())
def test_every_text_is_exported_word_for_word(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    assert f"\n\n{text}" in markdown(conversation(asked(text))) or (
        f"markdown\n{text}\n`" in markdown(conversation(asked(text)))
    )


@given(st.text())
def test_every_title_is_one_line_of_front_matter(title: str) -> None:
    text = markdown(conversation(title=title))
    assert json.loads(text.split("\n")[1].removeprefix("title: ")) == title


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
