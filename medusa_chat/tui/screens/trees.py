"""The trees of a reply: what each step guessed, how likely, and which guesses were right."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from medusa_chat.tui.commands import TREES_COMMANDS
from medusa_chat.tui.markdown.rows import MUTED
from medusa_chat.tui.step_book import Kind, StepBook
from medusa_chat.tui.tree_rows import NEXT, RIGHT, WRONG, percent, tree_rows
from medusa_chat.tui.widgets.key_hints import KeyHints

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from medusa_chat.engine.protocol import CheckedStep, RecordedSteps
    from medusa_chat.tui.link import EngineLink
    from medusa_chat.tui.reply_text import ReplyText

_REFRESH_SECONDS = 1 / 2
_PATIENCE = 10
"""Looks at an engine that says nothing, before that is said."""
_TEXT_BEFORE, _TEXT_AFTER = 360, 500
_LINES_BEFORE = 6

_WAITING = "Asking the engine…"
_SILENT = "The engine does not answer: it is busy with a prompt, or gone. Esc goes back."
_NO_STEPS = (
    "There is no step in this reply. Its first token comes from the prompt, steps begin behind it."
)
_GONE = (
    "The steps of this reply are not kept any more. They stay in memory for the last replies of "
    "the model that is loaded; ask again to see new ones."
)
_NOTES: dict[Kind, str] = {
    "full": "was right to the end of its tree",
    "failed": "had guesses of which none was right",
}
_BAR_COLUMNS = 6, 30
"""The least and the most of a histogram."""
_NUMBER_COLUMNS = 18


class TreesScreen(Screen[None]):
    """Goes through the steps of one reply, from the first on, or from the one of ``start``."""

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (78, "-wide"),
    ]
    OWN_COMMANDS = TREES_COMMANDS
    BINDINGS: ClassVar[list[BindingType]] = [command.binding() for command in TREES_COMMANDS]

    def __init__(self, link: EngineLink, reply: ReplyText, reply_id: int) -> None:
        super().__init__()
        self._link = link
        self._reply = reply
        self._book = StepBook(reply_id, link.ask_steps)
        self._step = 0
        self._looks = 0
        self._follows = False
        """Whether the newest step is shown while the reply is being written."""
        self._is_settled = False
        """Whether all steps that there will ever be are known."""
        self._drawn: tuple[object, ...] = ()
        self._heading = Static(Content(), id="trees-heading")
        self._tree = Static(Content(), id="trees-tree")
        self._histogram = Static(Content(), id="trees-histogram")
        self._text = Static(Content(), id="trees-text")

    def compose(self) -> ComposeResult:
        """Lay out the tree, and beside or below it the text that it belongs to."""
        yield self._heading
        with Horizontal(id="trees"):
            with VerticalScroll(id="trees-left") as left:
                yield self._tree
            with Vertical(id="trees-side"):
                yield self._text
                yield self._histogram
        yield KeyHints()
        left.tooltip = (
            "here: how likely the draft held this token behind its parent; path: the whole way "
            "down to it. Where tokens are drawn, the noise of their position is in both."
        )

    def on_mount(self) -> None:
        """Ask for the first steps."""
        self._link.on_steps = self.take
        self._book.want(0)
        self.set_interval(_REFRESH_SECONDS, self._refresh_steps)
        self.query_one("#trees-left").focus()
        self._show()

    def on_unmount(self) -> None:
        """Listen no longer."""
        self._link.on_steps = None

    def on_resize(self, _: events.Resize) -> None:
        """Draw the tree for another width, once it is known."""
        self.call_after_refresh(self._show)

    def take(self, told: RecordedSteps) -> None:
        """Take in what the engine tells."""
        self._book.take(told)
        self._go_to(self._book.count - 1 if self._follows else self._step)

    # What the reader does ----------------------------------------------------------------------

    def action_step(self, direction: int) -> None:
        """Go to the next step (1), or to the one before (-1)."""
        self._follows = False
        self._go_to(self._step + direction)

    def action_first(self) -> None:
        """Go to the first step that is kept."""
        self._follows = False
        self._go_to(self._book.gone)

    def action_last(self) -> None:
        """Go to the last step, and stay with the newest while there are more to come."""
        self._follows = not self._reply.is_complete
        self._go_to(self._book.count - 1)

    def action_find(self, kind: str, direction: int) -> None:
        """Go to the next step of a kind, or to the one before."""
        wanted = cast("Kind", kind)
        found = self._book.find(self._step, wanted, direction)
        if found is None:
            where = "after" if direction > 0 else "before"
            self.notify(f"No step {where} this one {_NOTES[wanted]}.", markup=False)
        else:
            self._follows = False
            self._go_to(found)

    def action_back(self) -> None:
        """Go back to the chat."""
        self.dismiss()

    def _go_to(self, number: int) -> None:
        self._step = min(max(number, self._book.gone), max(self._book.count - 1, 0))
        if self._book.has(self._step):
            self._looks = 0
        self._show()

    # What is shown -----------------------------------------------------------------------------

    def _refresh_steps(self) -> None:
        """Ask what came since; an engine that says nothing is asked again, and told of."""
        if self._is_waiting:
            self._looks += 1
            self._book.ask_again(self._step)
            self._show()
        elif self._book.is_known and not self._is_settled:
            # Once more after its end, for what came with it.
            self._is_settled = self._reply.is_complete
            self._book.refresh()

    def _show(self) -> None:
        book = self._book
        tree = book.want(self._step) if book.count else None
        width = self._tree.container_size.width
        span = self._reply.span(self._step)
        written = len(self._reply.text), self._reply.is_complete
        known = book.is_known, book.count, book.gone
        state = (self._step, known, tree, width, span, written, self._looks)
        if state == self._drawn:
            return
        self._drawn = state
        self._heading.update(self._headline(tree))
        if tree is None:
            self._tree.update(Content(self._why_none()))
        else:
            rows, last_right = tree_rows(tree, width)
            self._tree.update(rows)
            self._keep_in_sight(last_right)
        self._text.update(_marked(self._reply.text, *span))
        room = self._text.container_size.width
        self._histogram.update(_histogram(book.histogram, self._outcome_tokens, room))

    @property
    def _is_waiting(self) -> bool:
        """Whether the engine has yet to tell what is to be shown."""
        book = self._book
        if book.is_known is None:
            return True
        return book.is_known and book.count > 0 and not book.has(self._step)

    def _why_none(self) -> str:
        if self._book.is_known is False:
            return _GONE
        if not self._is_waiting:
            return _NO_STEPS
        down = self._link.state == "down" or self._looks > _PATIENCE
        return _SILENT if down else _WAITING

    def _keep_in_sight(self, row: int) -> None:
        """Scroll so that the right path is seen, from the top if that is enough."""
        left = self.query_one("#trees-left", VerticalScroll)
        top = max(0, row + 2 - left.size.height)
        self.call_after_refresh(left.scroll_to, y=top, animate=False)

    @property
    def _outcome_tokens(self) -> int | None:
        outcome = self._book.outcome(self._step)
        return outcome[0] if outcome else None

    def _headline(self, tree: CheckedStep | None) -> Content:
        book = self._book
        if not book.count:
            return Content("Trees of this reply")
        outcome = book.outcome(self._step)
        parts = [f"Step {self._step + 1} of {book.count}"]
        if not self._reply.is_complete:
            parts[0] += ", and more to come"
        if outcome is not None:
            accepted, depth = outcome
            parts.append(f"{accepted} accepted")
            verdict = f"{accepted - 1} of {depth} deep right" if depth else "no guesses: plain"
            if book.is_of(self._step, "full"):
                verdict = f"all {depth} deep right"
            elif book.is_of(self._step, "failed"):
                verdict = "no guess right"
            parts.append(verdict)
        if tree is not None:
            nodes = len(tree.parents)
            parts.append(f"{nodes} node{'' if nodes == 1 else 's'}")
            parts.append(f"{tree.seconds * 1000:.1f} ms")
        if book.gone:
            parts.append(f"the first {book.gone} are not kept")
        return Content(" · ".join(parts))


def _marked(text: str, start: int, end: int) -> Content:
    """Return the text around a burst, which is marked and whose place shows even if it is empty."""
    before = "\n".join(text[max(0, start - _TEXT_BEFORE) : start].split("\n")[-_LINES_BEFORE:])
    after = text[end : end + _TEXT_AFTER]
    burst = text[start:end] or "▏"
    cut = "…" if len(before) < start else ""
    return Content.assemble(
        (cut + before, MUTED),
        (burst, "bold underline reverse"),
        (after + ("…" if end + _TEXT_AFTER < len(text) else ""), MUTED),
    )


def _histogram(counts: dict[int, int], here: int | None, width: int) -> Content:
    """Draw how many steps emitted how many tokens; the step that is shown is pointed at."""
    least, longest = _BAR_COLUMNS
    columns = min(max(width - _NUMBER_COLUMNS, least), longest)
    total, most = sum(counts.values()), max(counts.values(), default=1)
    rows: list[Content] = [
        Content.styled(f"{RIGHT} right  {WRONG} not  {NEXT} the model's", MUTED),
        Content.styled("accepted" + "steps".rjust(columns + 4), MUTED),
    ]
    for tokens, count in counts.items():
        bar = "█" * max(1, round(columns * count / most))
        pointer = "▸" if tokens == here else " "
        rows.append(
            Content.assemble(
                f"{pointer}{tokens:>3} ",
                (bar.ljust(columns), "$success"),
                f"{count:>6} {percent(count / total):>4}",
            )
        )
    return Content("\n").join(rows)
