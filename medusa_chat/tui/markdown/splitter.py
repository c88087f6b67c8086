"""Where the blocks of a text begin and end, found while it grows.

Line by line, so that any way in which the text comes gives the same blocks. Where CommonMark would
have to look back, it is followed as far as a model's text goes; how a block looks is not decided
here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from medusa_chat.tui.markdown.table import columns

Kind = Literal["paragraph", "heading", "item", "table", "code", "quote", "rule", "indented", "math"]

_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_RULE = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$")
_QUOTE = re.compile(r" {0,3}>")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_ITEM = re.compile(r"( {0,3})([-+*]|(\d{1,9})[.)])(?:( {1,4})(?=\S)|[ \t]|$)")
_DELIMITERS = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_MATH = {"$$": "$$", "\\[": "\\]"}


@dataclass(frozen=True, slots=True)
class Part:
    """A block, or an item of a list: the text from ``start`` to ``end``, blank lines left out."""

    kind: Kind
    start: int
    end: int
    number: int | None = None
    """Of an item of an ordered list: which it is, whatever number was written."""
    listed: bool = False
    """Whether it goes on with the list of the item before it."""


class Splitter:
    """Takes a text that grows; ``parts`` are the blocks that nothing can change any more.

    What is behind them is one block under way, of the kind ``open_kind``, from ``open_start`` on.
    """

    def __init__(self, at: int = 0) -> None:
        """Begin at the place ``at`` of every text that is given."""
        self.parts: list[Part] = []
        self.open_kind: Kind | None = None
        self.open_start = at
        self.lines_end = at
        """The end of the last line that has come whole."""
        self._end = at
        self._fence = ""
        self._indent = 0
        self._number: int | None = None
        self._marker = ""
        self._listed = False
        self._blank = False
        self._last_line = ("", at)

    def advance(self, text: str, *, end: int | None = None, complete: bool = False) -> None:
        """Take in what has been appended to ``text``, up to ``end``; ``complete`` at its end."""
        end = len(text) if end is None else end
        while self.lines_end < end:
            newline = text.find("\n", self.lines_end, end)
            if newline < 0 and not complete:
                return
            stop = end if newline < 0 else newline
            start = self.lines_end
            self.lines_end = end if newline < 0 else newline + 1
            self._take(text[start:stop], start, stop)
        if complete:
            self._close()

    def _take(self, line: str, start: int, stop: int) -> None:
        if self._goes_on(line, stop):
            self._last_line = (line, start)
            return
        if line.strip():
            self._begin(line, start, stop)
            self._last_line = (line, start)
        else:
            self.open_start = self.lines_end

    def _goes_on(self, line: str, stop: int) -> bool:
        """Tell whether the line belongs to the block under way; else that is closed."""
        kind, blank = self.open_kind, not line.strip()
        if kind is None:
            return False
        if kind == "code":
            self._end = stop
            closing = _FENCE.match(line)
            if closing and closing[1].startswith(self._fence) and not line.strip(" \t`~"):
                self._close()
            return True
        if kind == "item":
            return self._item_goes_on(line, stop)
        if kind == "indented" and (blank or line.startswith(("    ", "\t"))):
            self._end = self._end if blank else stop
            return True
        if blank:
            self._close()
            return True
        if kind == "math":
            self._end = stop
            if self._fence in line:
                self._close()
            return True
        if kind == "indented" or _begins_block(line, in_paragraph=True):
            self._close()
            return False
        if kind == "paragraph" and self._is_table(line):
            self._turn_to_table()
        self._end = stop
        return True

    def _item_goes_on(self, line: str, stop: int) -> bool:
        if not line.strip():
            self._blank = True
            return True
        indent = len(line) - len(line.lstrip(" "))
        inside = indent >= self._indent or line.startswith("\t")
        if not inside and (self._blank or _begins_block(line, in_paragraph=False)):
            self._close(keep_list=True)
            return False
        self._blank = False
        self._end = stop
        return True

    def _is_table(self, line: str) -> bool:
        """Tell whether this line makes the one before it the head of a table."""
        head = self._last_line[0]
        if "|" not in head or not _DELIMITERS.match(line) or not ("|" in line or ":" in line):
            return False
        return columns(head) == columns(line)

    def _turn_to_table(self) -> None:
        head = self._last_line[1]
        if head > self.open_start:
            self.parts.append(Part("paragraph", self.open_start, head - 1))
        self.open_kind, self.open_start = "table", head

    def _begin(self, line: str, start: int, stop: int) -> None:
        self.open_start, self._end, self._blank = start, stop, False
        item = None if _RULE.match(line) else _ITEM.match(line)
        kind: Kind = "paragraph"
        if item:
            self._begin_item(item)
            return
        self._marker, self._listed, self._number = "", False, None
        if _RULE.match(line) or _HEADING.match(line):
            self.open_kind = "rule" if _RULE.match(line) else "heading"
            self._close()
            return
        if _QUOTE.match(line):
            kind = "quote"
        elif fence := _FENCE.match(line):
            kind, self._fence = "code", fence[1]
        elif line.startswith(("    ", "\t")):
            kind = "indented"
        else:
            opening = line.lstrip()[:2]
            closing = _MATH.get(opening)
            if closing is not None and closing not in line.lstrip()[2:]:
                kind, self._fence = "math", closing
        self.open_kind = kind

    def _begin_item(self, item: re.Match[str]) -> None:
        marker = item[2][-1]
        self._listed = self._marker == marker
        number = int(item[3]) if item[3] else None
        if self._listed and number is not None and self._number is not None:
            number = self._number + 1
        self.open_kind, self._number, self._marker = "item", number, marker
        self._indent = len(item[1]) + len(item[2]) + len(item[4] or " ")

    def _close(self, *, keep_list: bool = False) -> None:
        if self.open_kind is None:
            return
        is_item = self.open_kind == "item"
        number = self._number if is_item else None
        part = Part(self.open_kind, self.open_start, self._end, number, is_item and self._listed)
        self.parts.append(part)
        self.open_kind, self.open_start = None, self.lines_end
        if not keep_list:
            self._marker, self._number = "", None


def _begins_block(line: str, *, in_paragraph: bool) -> bool:
    """Tell whether a line begins a block of its own right behind another one."""
    if any(pattern.match(line) for pattern in (_HEADING, _RULE, _QUOTE, _FENCE)):
        return True
    item = _ITEM.match(line)
    if item is None or not in_paragraph:
        return item is not None
    # In the middle of a paragraph, "1984. " at a line's beginning is more likely a sentence's end.
    return bool(line[item.end() :].strip()) and item[3] in (None, "1")
