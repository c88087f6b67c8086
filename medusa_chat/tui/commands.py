"""Everything the user can do beside writing: one table for keys, slash commands, palette, help."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.binding import Binding

from medusa_chat.configuration.fields import FIELDS, THEMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.binding import BindingType


class Command(NamedTuple):
    """One action: its keys, its short name for the footer, and what it does in words.

    ``slash`` is what it is called in the prompt and in the settings file's ``[keys]``; an empty one
    belongs to a screen with keys of its own. Where ``argument`` says what may follow the name, the
    text that does is handed to the action behind its other parameters.
    """

    keys: str
    """Empty for what is only called by its name."""
    action: str
    name: str
    does: str
    in_footer: bool = False
    slash: str = ""
    aliases: tuple[str, ...] = ()
    argument: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What it answers to behind a slash."""
        return (self.slash, *self.aliases) if self.slash else self.aliases

    def binding(self, *, priority: bool = True) -> Binding:
        """Return the key binding. In the chat it has priority: focus rests in the prompt."""
        return Binding(
            self.keys,
            self.action,
            self.name,
            show=self.in_footer,
            key_display=shortly(self.keys),
            priority=priority,
            id=self.slash or None,
        )


def bindings(commands: Iterable[Command]) -> list[BindingType]:
    """Return the key bindings of those that have keys."""
    return [command.binding() for command in commands if command.keys]


def keys_of(command: Command, keymap: Mapping[str, str]) -> str:
    """Return a command's keys as a person writes them: those of the keymap, else its own."""
    return spelled(keymap.get(command.slash, command.keys) if command.slash else command.keys)


def ways_to(command: Command, keymap: Mapping[str, str]) -> str:
    """Return how a command is reached: its keys, and its name behind a slash."""
    return "  ".join(part for part in (keys_of(command, keymap), written(command)) if part)


def written(command: Command) -> str:
    """Return what calls a command in the prompt; nothing for one that belongs to a screen."""
    return f"/{command.slash}" if command.slash else ""


def shortly(keys: str) -> str:
    """Return the first of several keys as the footer shows it: ``^N``."""
    return spelled(keys.partition(",")[0]).replace("Ctrl+", "^")


def spelled(keys: str) -> str:
    """Return keys as a person writes them: ``Ctrl+N``."""
    names = {
        "pageup": "Page Up",
        "pagedown": "Page Down",
        "escape": "Esc",
        "F": "Shift+F",
        "X": "Shift+X",
        "delete": "Del",
        "slash": "/",
    }
    return ", ".join(
        "+".join(names.get(part) or part.capitalize() for part in key.split("+"))
        for key in keys.split(",")
    )


_SETTINGS = tuple(
    Command(
        "",
        f"change('{field.name}')",
        field.name,
        field.does,
        slash=field.command,
        argument=field.takes,
    )
    for field in FIELDS
    if field.table == "decoding" and field.name != "medusa"
)

CHAT_COMMANDS = (
    Command(
        "f2,ctrl+t",
        "toggle_medusa",
        "Medusa",
        "Medusa on or off from the next reply",
        True,
        slash="medusa",
        argument="on|off",
    ),
    Command(
        "f8,ctrl+g",
        "race",
        "Race",
        "Race Medusa against plain decoding, on what you write or asked last",
        True,
        "race",
        argument="PROMPT",
    ),
    Command(
        "f3",
        "toggle_marks",
        "Marks",
        "Mark bursts: live, all, by depth, not at all",
        slash="marks",
        aliases=("bursts",),
        argument="live|bursts|depth|off",
    ),
    Command(
        "escape", "stop", "Stop", "Stop the reply, keeping its text; stop loading", True, "stop"
    ),
    Command(
        "f6",
        "model_sampling",
        "Sampling",
        "Draw tokens as the model's authors suggest",
        False,
        "sampling",
    ),
    Command(
        "f7",
        "toggle_thinking",
        "Thinking",
        "Show or fold the thinking of models, and files in prompts",
        False,
        "thinking",
    ),
    Command("ctrl+n", "new_chat", "New", "Begin a new chat", True, "new", ("clear",)),
    Command(
        "ctrl+l",
        "chats",
        "Chats",
        "Chats: find, open, rename, delete, bring back",
        True,
        "chats",
        ("history", "search"),
    ),
    Command(
        "ctrl+s",
        "export",
        "Export",
        "Export this chat to a file: Markdown, JSON or HTML",
        True,
        "export",
        argument="md|json|html",
    ),
    Command(
        "ctrl+r", "restart", "Restart", "Start the engine again after it ended", False, "restart"
    ),
    Command("pageup", "page(-1)", "Page up", "Scroll up", False, "page-up"),
    Command("pagedown", "page(1)", "Page down", "Scroll down", False, "page-down"),
    Command(
        "ctrl+end", "follow", "Newest", "Go to the end of the chat and follow it", False, "newest"
    ),
    Command(
        "alt+up", "choose_message(-1)", "Message up", "Go to the message above", False, "message-up"
    ),
    Command(
        "alt+down",
        "choose_message(1)",
        "Message down",
        "Go to the message below",
        False,
        "message-down",
    ),
    Command("alt+pageup", "choose_code(-1)", "Code up", "Go to the code above", False, "code-up"),
    Command(
        "alt+pagedown", "choose_code(1)", "Code down", "Go to the code below", False, "code-down"
    ),
    Command(
        "alt+c",
        "copy_chosen",
        "Copy it",
        "Copy that message or code, else the last reply",
        False,
        "copy",
    ),
    Command(
        "alt+e", "edit", "Edit", "Edit that prompt, else the last; the old one stays", slash="edit"
    ),
    Command(
        "alt+r",
        "retry",
        "Retry",
        "Have that reply, else the last, in another way (Ctrl+Y)",
        slash="retry",
        aliases=("again",),
    ),
    Command("alt+g", "go_on", "Go on", "Go on with a reply that was stopped", slash="continue"),
    Command(
        "alt+left", "sibling(-1)", "Older", "Show the older version of a message", slash="older"
    ),
    Command(
        "alt+right", "sibling(1)", "Newer", "Show the newer version of a message", slash="newer"
    ),
    Command(
        "alt+i",
        "reply_info",
        "Details",
        "Show how that reply, else the last, was made; repeat it by its seed",
        slash="details",
        aliases=("info",),
    ),
    Command(
        "alt+d",
        "delete_message",
        "Delete",
        "Delete that message, else the last, and what follows it; take back one that waits",
        slash="delete-message",
        aliases=("delete",),
    ),
    Command(
        "alt+o",
        "make_room",
        "Room",
        "Make room in the context: leave out or sum up what is old",
        slash="room",
        aliases=("context", "summarise"),
    ),
    Command(
        "",
        "undo",
        "Undo",
        "Undo the last edit, retry, deletion or title (Ctrl+Z in an empty prompt)",
        slash="undo",
    ),
    Command(
        "alt+t",
        "trees",
        "Trees",
        "Show what the steps of that reply guessed (t, where one is gone to)",
        False,
        "tree",
        ("trees",),
    ),
    Command(
        "",
        "rename",
        "Rename",
        "Give this chat another title",
        slash="rename",
        aliases=("title",),
        argument="TITLE",
    ),
    Command(
        "f10,ctrl+o",
        "settings",
        "Settings",
        "Settings, for this chat and for all",
        slash="settings",
        aliases=("set", "config"),
    ),
    Command(
        "alt+h",
        "earlier",
        "Earlier",
        "Find a prompt that was sent before, in any chat",
        slash="earlier",
        aliases=("prompts",),
    ),
    Command(
        "",
        "prompt",
        "Prompt",
        "Insert a prompt that is kept in a file",
        slash="prompt",
        aliases=("p", "template"),
        argument="NAME",
    ),
    *_SETTINGS,
)

APP_COMMANDS = (
    Command("f1", "help", "Help", "List the keys and commands", True, "help", ("keys",)),
    Command("f4", "models", "Models", "Models: fetch, load, remove, compare", True, "models"),
    Command("", "load_model", "Model", "Load another model", False, "model", argument="NAME"),
    Command(
        "f5", "fetch_suggestion", "Fetch", "Fetch the model that is suggested here", False, "fetch"
    ),
    Command(
        "f9", "doctor", "Doctor", "Look for what is wrong with this installation", False, "doctor"
    ),
    Command(
        "",
        "theme",
        "Theme",
        "Change the colours: the next theme, or the one named",
        slash="theme",
        argument="|".join(name.removeprefix("medusa-") for name in THEMES),
    ),
    Command("", "log", "Log", "Show the end of the log", False, "log"),
    Command(
        "ctrl+c",
        "copy_stop_or_quit",
        "Copy",
        "Copy the selection; else stop, or ask to quit",
        False,
        "interrupt",
    ),
    Command("ctrl+q", "quit", "Quit", "Quit at once", True, "quit", ("exit", "q")),
)

MODELS_COMMANDS = (
    Command("enter", "use", "Load", "Load the model, or fetch one that is not here", True),
    Command("d", "fetch", "Fetch", "Fetch the model"),
    Command("p", "pause", "Pause", "Pause the download, or go on with it", True),
    Command("x", "cancel", "Cancel", "Give up the download and remove what came", True),
    Command("delete", "remove", "Remove", "Remove the model's files, after a question", True),
    Command("b", "bits", "Bits", "Choose how many bits its weights are loaded in", True),
    Command("n", "base", "Base", "Name the base of heads that name none, or another one"),
    Command("t", "token", "Token", "Give the Hub a token, for gated models"),
    Command("slash", "filter", "Filter", "Filter, or name any model of the Hub", True),
    Command("escape", "back", "Back", "Leave the filter, then the models", True),
)

CHATS_COMMANDS = (
    Command("enter", "open", "Open", "Open the chat; take the new title", True),
    Command("ctrl+n", "new", "New", "Begin a new chat", True),
    Command("f2", "rename", "Rename", "Give the chat another title", True),
    Command("ctrl+d,delete", "delete", "Delete", "Delete the chat, after a question", True),
    Command("ctrl+z", "undo", "Undo", "Undo the last deletion or new title"),
    Command("ctrl+s", "export", "Export", "Export the chat to a Markdown file", True),
    Command("up", "move(-1)", "Up", "Go to the chat above"),
    Command("down", "move(1)", "Down", "Go to the chat below"),
    Command("pageup", "move(-8)", "Page up", "Go up by several chats"),
    Command("pagedown", "move(8)", "Page down", "Go down by several chats"),
    Command("escape", "back", "Back", "Leave the new title, the search, then the chats", True),
)

TREES_COMMANDS = (
    Command("right,l,n", "step(1)", "Next", "Go to the next step", True),
    Command("left,h,p", "step(-1)", "Previous", "Go to the step before", True),
    Command("f", "find('full', 1)", "Full", "The next step that was right to its end", True),
    Command("F", "find('full', -1)", "Full before", "The one before that was right to its end"),
    Command("x", "find('failed', 1)", "Failed", "The next step of which no guess was right", True),
    Command("X", "find('failed', -1)", "Failed before", "The one before with no guess right"),
    Command("home", "first", "First", "Go to the first step"),
    Command("end", "last", "Last", "Go to the last step"),
    Command("escape,q,t", "back", "Back", "Leave the trees", True),
)

RACE_COMMANDS = (
    Command("space", "pause", "Pause", "Pause the replay, or go on; at its end, replay it", True),
    Command("f", "faster(1)", "Faster", "Replay faster, up to four times the speed", True),
    Command("s", "faster(-1)", "Slower", "Replay more slowly, down to half the speed"),
    Command("e", "skip", "End", "Go to the end of the replay", True),
    Command("r", "replay", "Again", "Replay from the beginning"),
    Command("c", "card", "Card", "Show the result, or the texts alone", True),
    Command("p", "keep('plain')", "Keep plain", "Keep the plain reply in the chat", True),
    Command("m", "keep('medusa')", "Keep Medusa", "Keep the reply with Medusa in the chat", True),
    Command("x", "export", "Save", "Export the result as Markdown and as SVG", True),
    Command("escape", "close", "Leave", "Leave; a race that is still run is stopped", True),
    Command(
        "ctrl+r",
        "restart",
        "Restart",
        "Stop the race, and start the engine again: it may hang",
        slash="restart",
    ),
)

PROMPT_KEYS = (
    ("enter", "Send; while a reply runs, it waits its turn"),
    ("ctrl+j", "New line (Shift+Enter where the terminal tells)"),
    ("up", "Take back what waits in line; else go to earlier prompts"),
    ("down", "Go to later prompts"),
    ("tab", "Complete a command or a path; go to the next {{place}}"),
    ("slash", "Call a command; // sends a text that begins with a slash"),
    ("@", "@path adds a text file; \\@ is a mere @"),
)
