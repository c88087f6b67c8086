"""What stands in the transcript, whether it is on the screen or far above it.

Nothing that only replies need is imported before there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_chat.tui.widgets.notice import Kind, Notice
from medusa_chat.tui.widgets.prompt_turn import PromptTurn

if TYPE_CHECKING:
    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.reply_text import ReplyText
    from medusa_chat.tui.widgets.reply import Reply


@dataclass(slots=True, eq=False)
class PromptEntry:
    """A prompt, which of several it is, and what it waits for."""

    text: str
    waiting: str = ""
    message: int | None = None
    """Its id in the chat."""
    mark: str = ""
    widget: PromptTurn | None = None

    @property
    def copied(self) -> str:
        """What copying it takes."""
        return self.text

    def show(self, view: BurstView, *, folded: bool) -> PromptTurn:  # noqa: ARG002
        """Return a new widget that shows it."""
        line = _joined(self.mark, self.waiting)
        self.widget = PromptTurn(self.text, line, folded=folded)
        return self.widget

    def show_waiting(self, waiting: str) -> None:
        """Say what it waits for; nothing once it is being answered."""
        self.waiting = waiting
        if self.widget is not None:
            self.widget.show_waiting(_joined(self.mark, waiting))


@dataclass(slots=True, eq=False)
class ReplyEntry:
    """A reply, which of several it is, and the line under it."""

    text: ReplyText
    status: str = ""
    message: int | None = None
    """Its id in the chat; None before the engine has begun."""
    mark: str = ""
    widget: Reply | None = None

    @property
    def copied(self) -> str:
        """What copying it takes: the answer, without what was thought before it."""
        from medusa_chat.conversation.reasoning import answer

        return answer(self.text.text)

    def show(self, view: BurstView, *, folded: bool) -> Reply:
        """Return a new widget that shows it."""
        from medusa_chat.tui.widgets.reply import Reply

        line = _joined(self.mark, self.status)
        self.widget = Reply(self.text, line, view=view, folded=folded)
        return self.widget

    def show_status(self, status: str) -> None:
        """Put these words under it."""
        self.status = status
        if self.widget is not None:
            self.widget.show_status(_joined(self.mark, status))


@dataclass(slots=True, eq=False)
class NoticeEntry:
    """What the program has to say."""

    text: str
    kind: Kind = "note"
    widget: Notice | None = None

    def show(self, view: BurstView, *, folded: bool) -> Notice:  # noqa: ARG002
        """Return a new widget that shows it."""
        self.widget = Notice(self.text, self.kind)
        return self.widget


def _joined(mark: str, words: str) -> str:
    return f"{mark} · {words}" if mark and words else mark or words


Message = PromptEntry | ReplyEntry
Entry = Message | NoticeEntry
