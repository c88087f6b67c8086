"""The result card as a picture: SVG that needs no font, no script and nothing from elsewhere."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_chat.tui.race.card import Card
    from medusa_chat.tui.race.result import RaceResult

_WIDTH = 760
_MARGIN = 32
_LINE = 22
_BAR_START, _BAR_WIDTH = 120, 500
_COLUMNS = (_MARGIN, 400, 620)
"""Where the names begin, and where the figures of both sides end."""
_WRAP_CHARACTERS = 80
_MOST_LINES = 4

_INK, _MUTED, _BACKGROUND, _PLAIN, _MEDUSA = "#d5d9e0", "#98a1af", "#12151b", "#6ea8dc", "#6fbfa8"


def svg(card: Card, result: RaceResult) -> str:
    """Return the card as an SVG document: the two times as bars, and the figures below."""
    body: list[str] = []
    y = _MARGIN + 14
    body.append(_text(_MARGIN, y, card.headline, size=22, weight="bold"))
    for line in _lines(card.prompt, 2):
        y += _LINE
        body.append(_text(_MARGIN, y, line, fill=_MUTED))
    y += 16
    longest = max(result.plain.figures.decode_seconds, result.medusa.figures.decode_seconds)
    sides = (("plain", result.plain, _PLAIN), ("Medusa", result.medusa, _MEDUSA))
    for name, recording, colour in sides:
        seconds = recording.figures.decode_seconds
        width = max(2.0, _BAR_WIDTH * seconds / longest) if longest else 2.0
        body.append(_text(_MARGIN, y + 20, name))
        body.append(
            f'<rect x="{_BAR_START}" y="{y + 4}" width="{width:.1f}" height="22" rx="4" '
            f'fill="{colour}"/>'
        )
        body.append(_text(_BAR_START + width + 10, y + 20, f"{seconds:.2f} s"))
        y += 34
    y += 28
    body += _row(y, ("", "plain", "Medusa"), fill=_MUTED)
    for row in card.rows:
        y += _LINE
        body += _row(y, (row.name, row.plain, row.medusa))
    y += 12
    for label, words in _notes(card):
        for line in _lines(f"{label}: {words}" if label else words, _MOST_LINES):
            y += _LINE
            body.append(_text(_MARGIN, y, line, fill=_INK if label else _MUTED))
    height = y + _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>{escape(card.headline)}</title>",
            f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="{_BACKGROUND}"/>',
            *body,
            "</svg>\n",
        ]
    )


def _notes(card: Card) -> tuple[tuple[str, str], ...]:
    doubt = (("But", card.doubt),) if card.doubt else ()
    return *doubt, ("Prompt", card.prefill), ("Text", card.text), ("", card.conditions)


def _row(y: int, cells: tuple[str, str, str], fill: str = _INK) -> Iterator[str]:
    for x, text, anchor in zip(_COLUMNS, cells, ("start", "end", "end"), strict=True):
        yield _text(x, y, text, fill=fill, anchor=anchor)


def _lines(text: str, most: int) -> list[str]:
    return textwrap.wrap(text, _WRAP_CHARACTERS, max_lines=most, placeholder=" …")


def _text(
    x: float, y: float, text: str, *, fill: str = _INK, anchor: str = "start", **style: str | int
) -> str:
    size, weight = style.get("size", 14), style.get("weight", "normal")
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" font-family="ui-monospace, Menlo, Consolas, monospace">'
        f"{escape(text)}</text>"
    )
