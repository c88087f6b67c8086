"""What the chat does for who wants to see how a reply was guessed: it opens its trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

if TYPE_CHECKING:
    from medusa_chat.tui.link import EngineLink
    from medusa_chat.tui.widgets.prompt import Prompt
    from medusa_chat.tui.widgets.transcript import Transcript

_NO_REPLY = "There is no reply yet whose trees could be shown."
_NOT_OF_NOW = (
    "The trees of this reply are gone: they are kept while the program runs, not on the disk."
)


class InspectingScreen(Screen[None]):
    """A chat whose replies can be looked into."""

    # Beside the key of the table: a letter alone, where a message is chosen and none written.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "chosen_trees", "Trees", show=False, priority=True)
    ]

    _link: EngineLink
    _prompt: Prompt
    _transcript: Transcript

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave letters to the prompt unless a reply is chosen and nothing is written."""
        if action == "chosen_trees":
            chosen = self._transcript.chosen_turn is not None
            return chosen and not self._prompt.text and self._transcript.chosen_reply is not None
        return super().check_action(action, parameters)

    def action_chosen_trees(self) -> None:
        """Show the trees of the reply that is chosen."""
        self.action_trees()

    def action_trees(self) -> None:
        """Show the trees of the reply that is chosen, else of the last one."""
        from medusa_chat.tui.screens.trees import TreesScreen

        reply = self._transcript.chosen_reply
        if reply is None:
            self._transcript.say(_NO_REPLY)
        elif reply.reply_id is None:
            self._transcript.say(_NOT_OF_NOW)
        else:
            self.app.push_screen(TreesScreen(self._link, reply, reply.reply_id))
