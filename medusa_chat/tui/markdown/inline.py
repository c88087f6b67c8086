"""The words of a block: emphasis, code, links, each with its place in the reply.

Links are shown with their address. HTML and mathematics stay as they were written.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from medusa_chat.tui.markdown.rows import MUTED, Run, cut, text_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_CODE = "$text-warning on $surface"
_STYLES = {"strong": "bold", "em": "italic", "s": "strike", "link": "underline"}
_MATH = re.compile(
    r"\$\$[^$]+\$\$|\$(?![\s$])(?:[^$\\\n]|\\.)*(?<![\s\\])\$(?!\d)"
    r"|\\\(.{1,500}?\\\)|\\\[.{1,500}?\\\]",
    re.DOTALL,
)
_BOX = re.compile(r"\[([ xX])\] +")


@cache
def parser() -> MarkdownIt:
    """Return the parser: CommonMark with tables, without HTML and what reaches beyond a block."""
    # Imported when the first reply is shown, not when the program starts.
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    made.disable(["reference", "html_block", "html_inline", "lheading", "text_join"])
    made.inline.ruler.before("escape", "math", _math)
    return made


def _math(state: StateInline, silent: bool) -> bool:
    found = (
        _MATH.match(state.src, state.pos, state.posMax) if state.src[state.pos] in "$\\" else None
    )
    if found is None:
        return False
    if not silent:
        state.push("math", "", 0).content = found[0]
    state.pos = found.end()
    return True


class Cursor:
    """Finds what was parsed in the text that it was parsed from, from front to back."""

    def __init__(self, text: str, at: int) -> None:
        """Begin at the start of ``text``, which stands at the place ``at`` in the reply."""
        self._text = text
        self._first = at
        self._place = 0
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    @property
    def at(self) -> int:
        """The place in the reply of what comes next."""
        return self._first + self._place

    def line(self, number: int) -> tuple[int, str]:
        """Return the place in the reply of a line, and its text."""
        start = self._lines[number] if number < len(self._lines) else len(self._text)
        return self._first + start, self._text[start:].partition("\n")[0]

    def go_to_line(self, number: int) -> None:
        """Look from this line on."""
        self._place = max(self._place, self.line(number)[0] - self._first)

    def skip(self, words: str) -> None:
        """Look from behind the next occurrence of these words on."""
        self.runs(words, "")

    def runs(self, words: str, style: str, written: str | None = None) -> list[Run]:
        """Return runs of what is read as ``words``, and was ``written`` differently perhaps."""
        found = self._text.find(written or words, self._place)
        if found < 0:
            return [Run(words, style, self.at, fixed=True)] if words else []
        self._place = found + len(written or words)
        if written is not None:
            return [Run(words, style, self._first + found, fixed=True)]
        return text_runs(words, style, self._first + found)


def lines_of(token: Token, cursor: Cursor, base: str = "") -> list[list[Run]]:
    """Return the lines of an ``inline`` token, as runs whose style goes on from ``base``."""
    if token.map:
        cursor.go_to_line(token.map[0])
    writer = _Writer(cursor, base)
    writer.take(token.children or ())
    return writer.lines


def take_box(runs: list[Run]) -> tuple[str, list[Run]]:
    """Return the mark of a task that a list's item begins with, if any, and the rest of it."""
    found = _BOX.match("".join(run.text for run in runs))
    if found is None:
        return "", runs
    length = sum(len(run.text) for run in runs)
    return ("☐ " if found[1] == " " else "☑ "), list(cut(runs, found.end(), length))


class _Writer:
    def __init__(self, cursor: Cursor, base: str) -> None:
        self.lines: list[list[Run]] = [[]]
        self._cursor = cursor
        self._styles = [base] if base else []
        self._addresses: list[str] = []

    def take(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            kind, _, edge = token.type.partition("_")
            match token.type:
                case "text" | "math":
                    self._write(token.content)
                case "text_special":
                    self._write(token.content, written=token.markup)
                case "code_inline":
                    self._write(token.content.replace("\n", " "), _CODE)
                case "softbreak" | "hardbreak":
                    self.lines.append([])
                case "image":
                    self._write("image: ", MUTED, layout=True)
                    self.take(token.children or ())
                    self._show_address(str(token.attrGet("src") or ""))
                case "link_open":
                    self._addresses.append(str(token.attrGet("href") or ""))
                    self._styles.append(_STYLES["link"])
                case "link_close":
                    self._styles.pop()
                    self._show_address(self._addresses.pop())
                case _ if kind in _STYLES and edge == "open":
                    self._styles.append(_STYLES[kind])
                case _ if kind in _STYLES and edge == "close":
                    self._styles.pop()
                case _:
                    self._write(token.content)

    def _write(
        self, words: str, style: str = "", *, written: str | None = None, layout: bool = False
    ) -> None:
        style = " ".join([*self._styles, style]).strip()
        line = self.lines[-1]
        if layout:
            line.append(Run(words, style, self._cursor.at, fixed=True))
        else:
            line += self._cursor.runs(words, style, written)

    def _show_address(self, address: str) -> None:
        """Show where a link leads, unless that is what it says already."""
        said = "".join(run.text for run in self.lines[-1])
        if not address or said.endswith((address, address.removeprefix("mailto:"))):
            return
        self._write(" (", MUTED, layout=True)
        self._write(address, MUTED)
        self._write(")", MUTED, layout=True)
