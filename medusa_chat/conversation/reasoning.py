"""The thinking in a reply, told from its answer: what stands between ``<think>`` and ``</think>``.

Works on the text so far, as it comes, and on a whole one. What a reader would take for an example
is text: a tag inside a line, inside a code fence. Nothing is lost: the segments' texts join to the
reply's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["thinking", "answer"]

OPENING = "<think>"
CLOSING = "</think>"
TAGS = (OPENING, CLOSING)

_OPENING_TAG = re.compile(r"[ \t]*<think>[ \t]*\n*")
_OPENING_LINE = re.compile(rf"(?:^|(?<=\n)){_OPENING_TAG.pattern}")
# A run of newlines is tried from its beginning alone: linear in the length of any text.
_CLOSING_TAG = re.compile(r"(?:(?<!\n)\n+)?</think>[ \t]*\n*")
# A fence is closed by one of the same kind, at least as long, on a line of its own (CommonMark).
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of one kind. ``text`` is all of it; ``body`` is what is to be read, without the tags.

    ``open`` is true of thinking that has not come to its end.
    """

    kind: Kind
    opening: str
    body: str
    closing: str
    open: bool = False

    @property
    def text(self) -> str:
        """The segment as it was written."""
        return self.opening + self.body + self.closing


def segments(text: str, *, streaming: bool = False) -> tuple[Segment, ...]:
    """Split a reply's ``text`` into thinking and answer, in order; an empty text has no segment.

    A closing tag that no opening one comes before ends thinking as well, since a template may have
    written the opening one. With ``streaming`` more text is to come: an end that may be half a tag
    is no ``body`` yet.
    """
    return tuple(_split(text, streaming))


def answer(text: str) -> str:
    """Return a whole reply's text without its thinking; the reply itself where it has none."""
    parts = segments(text)
    if all(part.kind == "answer" for part in parts):
        return text
    return "".join(part.body for part in parts if part.kind == "answer").strip()


def opening_at_end(prompt: str) -> str:
    """Return the opening tag, and what follows it, that a templated ``prompt`` ends with, if any.

    The reply goes on from there, and would have the closing tag alone.
    """
    _, tag, rest = prompt.rpartition(OPENING)
    return "" if not tag or rest.strip() else tag + rest


def _split(text: str, streaming: bool) -> Iterator[Segment]:
    at = 0
    fences = _fences(text)
    opening = _first(_OPENING_LINE, text, at, fences)
    closing = _first(_CLOSING_TAG, text, at, [span for span in fences if span[1] <= len(text)])
    thinking = (
        closing is not None
        and _begins_line(closing)
        and (opening is None or closing.start() < opening.start())
    )
    tag = ""
    while at < len(text) or tag:
        if thinking:
            start = at
            closing = _end_of_thinking(text, start, fences)
            if closing is None:
                end = len(text) - (_held_in_thinking(text[start:]) if streaming else 0)
                yield Segment("thinking", tag, text[start:end], text[end:], open=True)
                return
            yield Segment("thinking", tag, text[start : closing.start()], closing[0])
            at, tag, thinking = closing.end(), "", False
            # Fences that thinking left open do not reach into the answer.
            fences = _fences(text, at)
            continue
        # Behind thinking, too, a tag begins a line.
        opening = _OPENING_TAG.match(text, at) or _first(_OPENING_LINE, text, at, fences)
        if opening is None:
            inside = any(begin < len(text) <= end for begin, end in fences)
            end = len(text) - (_held_in_answer(text[at:]) if streaming and not inside else 0)
            yield Segment("answer", "", text[at:end], text[end:])
            return
        if opening.start() > at:
            yield Segment("answer", "", text[at : opening.start()], "")
        at, tag, thinking = opening.end(), opening[0], True


def _first(
    pattern: re.Pattern[str], text: str, at: int, fences: list[tuple[int, int]]
) -> re.Match[str] | None:
    """Return the first match from ``at`` on that lies in none of the ``fences``."""
    for match in pattern.finditer(text, at):
        if not any(begin <= match.start() < end for begin, end in fences):
            return match
    return None


def _end_of_thinking(text: str, at: int, fences: list[tuple[int, int]]) -> re.Match[str] | None:
    # A fence that thinking left open must not hide the answer: without another, its tag counts.
    return _first(_CLOSING_TAG, text, at, fences) or _first(_CLOSING_TAG, text, at, [])


def _begins_line(closing: re.Match[str]) -> bool:
    return closing.start() == 0 or closing[0].startswith("\n")


def _fences(text: str, at: int = 0) -> list[tuple[int, int]]:
    """Return where code blocks begin and end, from ``at`` on; one left open ends with the text."""
    spans: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for line in _FENCE.finditer(text, at):
        marks, info = line[1], line[2]
        if opened is None:
            if marks[0] == "~" or "`" not in info:
                opened = line.start(), marks
        elif marks.startswith(opened[1]) and not info.strip():
            spans.append((opened[0], line.end()))
            opened = None
    if opened is not None:
        spans.append((opened[0], len(text) + 1))
    return spans


def _held_in_thinking(text: str) -> int:
    """Return how much of the end of ``text`` may belong to a closing tag that has not come."""
    tag = _beginning_at_end(text, CLOSING)
    before = text[: len(text) - tag]
    return tag + len(before) - len(before.rstrip("\n"))


def _held_in_answer(text: str) -> int:
    """Return how much of the end of ``text`` may belong to an opening tag that has not come."""
    line = text.rpartition("\n")[2]
    rest = line.lstrip(" \t")
    return len(line) if OPENING.startswith(rest) else 0


def _beginning_at_end(text: str, tag: str) -> int:
    """Return the length of the longest beginning of ``tag`` that ``text`` ends with."""
    lengths = range(min(len(tag), len(text)), 0, -1)
    return next((length for length in lengths if text.endswith(tag[:length])), 0)
