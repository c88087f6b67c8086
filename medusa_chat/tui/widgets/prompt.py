"""Where the user writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import TextArea

from medusa_chat.tui.messages import PromptSubmitted

if TYPE_CHECKING:
    from textual import events


class Prompt(TextArea):
    """A text area that grows with its text; Enter sends it, Up recalls the last one when empty."""

    def __init__(self) -> None:
        super().__init__(
            id="prompt",
            placeholder="Write a message",
            compact=True,
            highlight_cursor_line=False,
        )
        self._last = ""

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Leave letters in an empty prompt to keys of the screen, if there are any for them now."""
        return bool(self.text) and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self._submit()
        elif event.key in ("ctrl+j", "shift+enter"):
            event.stop()
            event.prevent_default()
            self.insert("\n")
        else:
            await super()._on_key(event)

    def action_cursor_up(self, select: bool = False) -> None:
        """Move the cursor up; in an empty prompt, bring back the last one."""
        if self.text or not self._last:
            super().action_cursor_up(select)
            return
        self.insert(self._last)

    def put_back(self, text: str) -> None:
        """Have a text edited that was sent, unless something was written since."""
        if not self.text:
            self.insert(text)

    def _submit(self) -> None:
        if not self.text.strip():
            return
        self._last = self.text
        self.post_message(PromptSubmitted(self.text))
        self.clear()
