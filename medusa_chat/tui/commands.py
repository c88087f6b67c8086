"""Everything the user can do beside writing: one table for the keys, the palette and the help."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Command:
    """One action: its keys, its short name for the footer, and what it does in words."""

    keys: str
    action: str
    name: str
    does: str
    in_footer: bool = False

    def binding(self, *, priority: bool = True) -> Binding:
        """Return the key binding. In the chat it has priority: focus rests in the prompt."""
        return Binding(
            self.keys,
            self.action,
            self.name,
            show=self.in_footer,
            key_display=spelled(self.keys.partition(",")[0]).replace("Ctrl+", "^"),
            priority=priority,
        )


def spelled(keys: str) -> str:
    """Return keys as a person writes them: ``Ctrl+N``."""
    names = {
        "pageup": "Page Up",
        "pagedown": "Page Down",
        "escape": "Esc",
        "delete": "Del",
        "slash": "/",
    }
    return ", ".join(
        names.get(key) or "+".join(part.capitalize() for part in key.split("+"))
        for key in keys.split(",")
    )


CHAT_COMMANDS = (
    Command("f2,ctrl+t", "toggle_medusa", "Medusa", "Medusa on or off from the next reply", True),
    Command("f3", "toggle_marks", "Marks", "Mark bursts: live, all, by depth, not at all"),
    Command("escape", "stop", "Stop", "Stop the reply, keeping its text; stop loading", True),
    Command("f6", "model_sampling", "Sampling", "Draw tokens as the model's authors suggest"),
    Command("f7", "toggle_thinking", "Thinking", "Show or fold the thinking of reasoning models"),
    Command("ctrl+n", "new_chat", "New", "Begin a new chat", True),
    Command("ctrl+s", "export", "Export", "Export this chat to a Markdown file", True),
    Command("ctrl+r", "restart", "Restart", "Start the engine again after it ended"),
    Command("pageup", "page(-1)", "Page up", "Scroll up"),
    Command("pagedown", "page(1)", "Page down", "Scroll down"),
    Command("ctrl+end", "follow", "Newest", "Go to the end of the chat and follow it"),
    Command("alt+up", "choose_message(-1)", "Message up", "Go to the message above"),
    Command("alt+down", "choose_message(1)", "Message down", "Go to the message below"),
    Command("alt+pageup", "choose_code(-1)", "Code up", "Go to the code above"),
    Command("alt+pagedown", "choose_code(1)", "Code down", "Go to the code below"),
    Command("alt+c", "copy_chosen", "Copy it", "Copy that message or code, else the last reply"),
)

APP_COMMANDS = (
    Command("f1", "help", "Help", "List the keys", True),
    Command("f4", "models", "Models", "Models: fetch, load, remove, compare", True),
    Command("f5", "fetch_suggestion", "Fetch", "Fetch the model that is suggested here"),
    Command("f9", "doctor", "Doctor", "Look for what is wrong with this installation"),
    Command("ctrl+c", "copy_stop_or_quit", "Copy", "Copy the selection; else stop, or ask to quit"),
    Command("ctrl+q", "quit", "Quit", "Quit at once", True),
)

MODELS_COMMANDS = (
    Command("enter", "use", "Load or fetch", "Load the model, or fetch one that is not here", True),
    Command("d", "fetch", "Fetch", "Fetch the model"),
    Command("p", "pause", "Pause", "Pause the download, or go on with it", True),
    Command("x", "cancel", "Cancel", "Give up the download and remove what came", True),
    Command("delete", "remove", "Remove", "Remove the model's files, after a question", True),
    Command("b", "bits", "Bits", "Choose how many bits its weights are loaded in", True),
    Command("t", "token", "Token", "Give the Hub a token, for gated models", True),
    Command("slash", "filter", "Filter", "Filter, or name any model of the Hub", True),
    Command("escape", "back", "Back", "Leave the filter, then the models", True),
)

PROMPT_KEYS = (
    ("enter", "Send; while a reply runs, it waits its turn"),
    ("ctrl+j", "New line (Shift+Enter where the terminal tells)"),
    ("up", "In an empty prompt: bring back the last message"),
)
