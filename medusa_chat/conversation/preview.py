"""One line out of a text, around what a search found in it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from medusa_chat.conversation.conversation import one_line

LENGTH = 160
_BEFORE = 48
"""How much of the text before the first match is shown."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A line of text; ``marks`` are the places in it that were searched for, start and end."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()


def terms_of(search: str) -> tuple[str, ...]:
    """Return the words that a search asks for, folded; all of them have to be found."""
    return tuple(dict.fromkeys(folded(word) for word in search.split()))


def folded(text: str) -> str:
    """Return the text without what a search does not tell apart: capitals and accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFD", text)
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()


def preview(text: str, terms: tuple[str, ...] = ()) -> Preview:
    """Return a line of ``text`` around the first of the folded ``terms``, the terms marked.

    Without any in it, the beginning.
    """
    at = _first_place(text, terms)
    begin = _word_start(text, max(0, at - _BEFORE))
    piece = text[begin : begin + 2 * LENGTH]
    line = one_line(piece)
    if len(line) > LENGTH or begin + len(piece) < len(text):
        line = line[: LENGTH - 1].rstrip() + "…"
    if begin > 0:
        line = "…" + line
    return Preview(line, marks_in(line, terms))


def marks_in(line: str, terms: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Return where a line has the folded ``terms``: start and end of each stretch, in order."""
    flat, places = _folded_with_places(line)
    spans = sorted(
        (places[match.start()], places[match.end()])
        for term in terms
        for match in re.finditer(re.escape(term), flat)
    )
    marks: list[tuple[int, int]] = []
    for begin, end in spans:
        if marks and begin <= marks[-1][1]:
            marks[-1] = marks[-1][0], max(end, marks[-1][1])
        else:
            marks.append((begin, end))
    return tuple(marks)


def _first_place(text: str, terms: tuple[str, ...]) -> int:
    if not terms:
        return 0
    # In most texts folding moves nothing; else the place is near enough, and the marks are exact.
    flat = folded(text)
    if len(flat) != len(text) and len(text) < 100_000:
        flat, places = _folded_with_places(text)
    else:
        places = None
    found = [place for term in terms if (place := flat.find(term)) >= 0]
    if not found:
        return 0
    return places[min(found)] if places else min(found)


def _word_start(text: str, at: int) -> int:
    if at == 0:
        return 0
    space = re.compile(r"\s").search(text, at, at + _BEFORE // 2)
    return space.end() if space else at


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    """Return the folded text, and for each of its characters (and its end) the place in ``text``.

    A character that folds to nothing belongs to the one before it.
    """
    flat, places = [], []
    for place, character in enumerate(text):
        for part in folded(character):
            flat.append(part)
            places.append(place)
    places.append(len(text))
    return "".join(flat), places
