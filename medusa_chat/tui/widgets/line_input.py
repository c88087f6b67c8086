"""Where a line is written, and what it shares with the prompt: keys are taken in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input

if TYPE_CHECKING:
    from textual import events
    from textual.widget import Widget


class LineInput(Input):
    """An input that takes keys in the order in which they were typed."""

    async def _on_key(self, event: events.Key) -> None:
        # Textual takes the base class's handler as well, unless told not to.
        if await ran_binding(self, event.key):
            event.stop()
            event.prevent_default()


async def ran_binding(widget: Widget, key: str) -> bool:
    """Do what a key does in a widget; False when it does nothing there.

    Textual runs a binding when its key has come up to the application, so that letters typed
    quickly behind it would get ahead of it.
    """
    for binding in widget._bindings.key_to_bindings.get(key, ()):
        if not binding.priority and await widget.app.run_action(binding.action, widget):
            return True
    return False
