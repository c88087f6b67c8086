"""A step's tree as rows of text: a guess a row, the right ones marked by more than a colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from medusa_chat.tui.markdown.rows import MUTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_chat.engine.protocol import CheckedStep

RIGHT, WRONG, NEXT = "●", "○", "→"
SOURCES = {
    "R": ("root", "bold $foreground"),
    "H": ("head", "$text-primary"),
    "B": ("bigram", "$text-warning"),
    "L": ("lookup", "$text-success"),
}
"""By letter: the name and the style of where a guess came from."""

_LEAST_TOKEN_COLUMNS = 10
_GUIDES = {
    (False, False): ("├─", "│ "),
    (False, True): ("└─", "  "),
    (True, False): ("┣━", "│ "),
    (True, True): ("┗━", "  "),
}
"""By whether the node was right and whether it is its parent's last: before it, and below it."""


def shown_token(text: str) -> str:
    """Return a token's text so that blanks, newlines and control characters can be seen."""
    # repr() escapes all that is not printable, reordering marks and halves of pairs too.
    return repr(text)


def tree_rows(step: CheckedStep, width: int) -> tuple[Content, int]:
    """Return a step's tree in ``width`` columns, and the row of the last node that was right."""
    columns = _Columns(width)
    rows = [columns.heading]
    right, last_right = set(step.accepted), 0
    for node, guide, below in _walk(step, right):
        if node is None:
            rows.append(columns.row(guide, NEXT, shown_token(step.next_text), "bold", below))
            continue
        if node == step.accepted[-1]:
            last_right = len(rows)
        name, style = SOURCES[step.sources[node]]
        if node in right and node:
            style = f"{style} bold"
        mark = RIGHT if node in right else WRONG
        numbers = () if node == 0 else _chances(step, node)
        token = shown_token(step.texts[node])
        rows.append(columns.row(guide, mark, token, style, name, numbers))
    return Content("\n").join(rows), last_right


def _walk(step: CheckedStep, right: set[int]) -> Iterator[tuple[int | None, str, str]]:
    """Yield each node with the guides before it; None, with its name, is the model's own token."""
    children: dict[int, list[int]] = {}
    for node in range(1, len(step.parents)):
        children.setdefault(step.parents[node], []).append(node)
    last = step.accepted[-1]

    def below(node: int, indent: str) -> Iterator[tuple[int | None, str, str]]:
        found: list[int | None] = [*children.get(node, [])]
        if node == last:
            found = [None, *found]
        for place, child in enumerate(found):
            ends = place == len(found) - 1
            before, under = _GUIDES[child is None or child in right, ends]
            yield child, indent + before, "model"
            if child is not None:
                yield from below(child, indent + under)

    yield 0, "", ""
    yield from below(0, "")


def _chances(step: CheckedStep, node: int) -> tuple[str, ...]:
    if not step.weights:
        return ()
    path, before = step.weights[node], step.weights[step.parents[node]]
    return percent(path / before if before > 0 else 0.0), percent(path)


def percent(share: float) -> str:
    """Return a share in whole percents; what is not nothing is never shown as 0."""
    whole = round(100 * min(share, 1.0))
    return "<1%" if whole == 0 and share > 0 else f"{whole}%"


class _Columns:
    """What has room beside the tokens: where a guess came from, and how likely it was held."""

    def __init__(self, width: int) -> None:
        self._with_path = width >= 44
        self._with_name = width >= 34
        self._tail = (7 if self._with_name else 2) + 5 + (6 if self._with_path else 0)
        self._room = max(width - self._tail, _LEAST_TOKEN_COLUMNS)

    @property
    def heading(self) -> Content:
        """The names of the columns."""
        numbers = ("here", "path") if self._with_path else ("here",)
        return Content.styled(
            set_cell_size("token", self._room) + self._numbers("from", numbers), MUTED
        )

    def row(
        self,
        guide: str,
        mark: str,
        token: str,
        style: str,
        name: str,
        numbers: tuple[str, ...] = (),
    ) -> Content:
        """Return the row of one node."""
        before = f"{guide}{mark} "
        room = max(self._room - cell_len(before), 0)
        if cell_len(token) > room:
            token = set_cell_size(token, max(room - 1, 0)) + "…"
        gap = " " * (self._room - cell_len(before) - cell_len(token))
        muted = mark == WRONG
        return Content.assemble(
            (guide, MUTED),
            (f"{mark} ", MUTED if muted else "bold $success"),
            (token, style),
            gap,
            (self._numbers(name, numbers), MUTED if muted else ""),
        )

    def _numbers(self, name: str, numbers: tuple[str, ...]) -> str:
        if not self._with_name:
            name = name[:1].upper()
        own, path = (*numbers, "", "")[:2]
        tail = " " + (name.ljust(6) if self._with_name else name.ljust(1)) + own.rjust(5)
        return tail + (path.rjust(6) if self._with_path else "")
