"""The card in words, as Markdown and as a picture."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from medusa_chat.errors import MedusaChatError
from medusa_chat.tui.race.card import card_of, headline, markdown, summary
from medusa_chat.tui.race.files import export_race
from medusa_chat.tui.race.picture import svg

from ..scripted_engine import DEMO
from .races import WORDS, race, side

if TYPE_CHECKING:
    from pathlib import Path

OTHER = (*WORDS[:4], " a", " lake\x1b[31m", ".")


def test_figures() -> None:
    card = card_of(race())
    assert card.headline == "Medusa was 3.00× as fast as plain decoding"
    rows = {row.name: (row.plain, row.medusa) for row in card.rows}
    assert rows == {
        "Decoding": ("0.60 s", "0.20 s"),
        "First token": ("100 ms", "100 ms"),
        "Speed": ("10 tok/s", "30 tok/s"),
        "Accepted/step": ("1.00", "2.33"),
        "Step": ("100.00 ms", "100.00 ms"),
        "Steps": ("7", "3"),
        "Tokens": ("7", "7"),
        "Tree": ("root, 1 node", "auto, 8.0 nodes"),
    }
    assert card.is_same
    assert card.is_faster
    assert not card_of(race(medusa=side("medusa", burst=3, step_seconds=0.4))).is_faster
    assert card.text == "the same, all 7 tokens."
    assert "20 tokens, prefilled once for both in 250 ms, 4 of them cached before" in card.prefill
    for part in ("builtin", "float32", "cpu", "temperature 0.7", "seed 77", "plain first"):
        assert part in card.conditions


def test_summary() -> None:
    assert summary(race()) == (
        "Race: Medusa was 3.00× as fast as plain decoding (30 tok/s against 10 tok/s, 2.33 "
        "accepted/step). The text is the same, all 7 tokens."
    )


@pytest.mark.parametrize(
    ("speed_up", "words"),
    [(2.5, "2.50× as fast"), (1.0, "1.00× as fast"), (0.8, "slower"), (None, "Too short")],
)
def test_headline(speed_up: float | None, words: str) -> None:
    assert words in headline(speed_up)


@pytest.mark.parametrize(
    ("dtype", "words"), [("float32", "defect"), ("bfloat16", "A near-tie: rows of a tree")]
)
def test_difference_in_words(dtype: str, words: str) -> None:
    result = race(medusa=side("medusa", OTHER), loaded=replace(DEMO, dtype=dtype))
    card = card_of(result)
    assert not card.is_same
    assert card.text.startswith("differs after 4 tokens (15 characters)")
    assert '"The fox sat by "' in card.text
    assert 'plain "the sea."' in card.text
    assert 'Medusa "a lake[31m."' in card.text
    assert words in card.text
    assert "\x1b" not in summary(result)
    assert "The text differs after 4 tokens" in summary(result)


def test_doubt_is_said_everywhere() -> None:
    calm = race()
    assert card_of(calm).doubt == ""
    result = race(side("plain", step_seconds=0.2))
    card = card_of(result)
    assert "race again" in card.doubt
    assert card.doubt in summary(result)
    assert card.doubt in markdown(card)
    assert "But: Plain steps took longer" in svg(card, result)
    assert "But:" not in svg(card_of(calm), calm)


def test_a_text_that_ends_is_said_to() -> None:
    card = card_of(race(medusa=side("medusa", WORDS[:-1])))
    assert 'plain ".", Medusa the end.' in card.text


def test_markdown_is_one_table() -> None:
    text = markdown(card_of(race(prompt="Tell me | a story.\nNow.")))
    assert "> Tell me | a story. Now.\n" in text
    assert "**Medusa was 3.00× as fast as plain decoding.**" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 8
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)
    assert "- Text: the same, all 7 tokens." in text


def test_picture_is_svg_with_bars_as_long_as_the_times() -> None:
    result = race(prompt='<b>"A & B"</b> ' + "long " * 100)
    root = ElementTree.fromstring(svg(card_of(result), result))
    texts = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
    assert "Medusa was 3.00× as fast as plain decoding" in texts
    assert any(text.startswith('<b>"A & B"</b>') for text in texts)
    assert max(len(text) for text in texts) <= 90
    bars = [
        float(element.attrib["width"])
        for element in root.iter()
        if element.tag.endswith("rect") and "x" in element.attrib
    ]
    assert bars[0] == pytest.approx(3 * bars[1], rel=0.01)
    assert "http" not in svg(card_of(result), result).replace("http://www.w3.org/2000/svg", "")


def test_picture_of_a_race_of_no_time() -> None:
    result = race(side("plain", ("Hi",)), side("medusa", ("Hi",)))
    assert "Too short" in svg(card_of(result), result)


def test_files_are_named_after_the_prompt_and_never_overwritten(tmp_path: Path) -> None:
    first = export_race(race(), tmp_path)
    second = export_race(race(), tmp_path)
    assert [path.name for path in first] == [
        "2026-01-02-race-tell-me-a-story.md",
        "2026-01-02-race-tell-me-a-story.svg",
    ]
    assert len({*first, *second}) == 4
    assert first[0].read_text("utf-8").startswith("# A race")
    assert first[1].read_text("utf-8").startswith("<svg")


def test_no_folder_takes_them(tmp_path: Path) -> None:
    with pytest.raises(MedusaChatError, match="nowhere"):
        export_race(race(), tmp_path / "nowhere")


def test_a_long_prompt_is_cut() -> None:
    assert card_of(race(prompt="word " * 500)).prompt.endswith("…")
    assert len(card_of(race(prompt="word " * 500)).prompt) < 500
