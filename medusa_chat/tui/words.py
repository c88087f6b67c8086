"""What the chat says about itself, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_chat.tui.link import State

WELCOME = (
    "Write a message and press Enter. A reply comes in bursts: each colour is what one step of the "
    "model gave, and what Medusa's heads had guessed right is underlined. F2 turns Medusa off and "
    "on, F1 lists the keys."
)

READING = "reading the prompt…"
STOPPING = "stopping…"
RUNNING = "The engine is running. Ctrl+R starts it again after it ended."
COPIED = "Copied"
QUIT = "Press Ctrl+C again to quit"
NOTHING_TO_EXPORT = "There is nothing to export yet."

_WAITING: dict[State, str] = {
    "loading": "waiting for the model",
    "ready": "queued",
    "down": "waiting for the engine: Ctrl+R starts it again",
}

_REASONS = {
    "length": "length limit",
    "context": "context full",
    "cancelled": "stopped",
    "failed": "failed",
}

CONTEXT_FULL = "The context is full. Ctrl+N begins a new chat."


def waiting(state: State) -> str:
    """Return what a prompt waits for."""
    return _WAITING[state]


def ending(stop_reason: str, figures_line: str, mode: str | None) -> str:
    """Return the line under a reply that is over."""
    parts = [figures_line, _REASONS.get(stop_reason, ""), "Medusa off" if mode == "plain" else ""]
    return " · ".join(part for part in parts if part)


def details(log_file: Path | None) -> str:
    """Return where more can be read."""
    if log_file is None:
        return "There is no log: its folder cannot be written."
    return f"Details are in {log_file}."


def engine_down(message: str, log_file: Path | None) -> str:
    """Return what to say when the engine is gone."""
    return (
        f"{message} {details(log_file)} Ctrl+R starts the engine again; the conversation is kept."
    )


def unsaved(message: str) -> str:
    """Return what to say when the conversation cannot be kept."""
    return f"This chat is not being saved. {message} Ctrl+S exports the chat as it is."


def crashed(error: Exception, log_file: Path | None) -> str:
    """Return the one line that is left on the terminal after an error that nobody expected."""
    return f"medusa-chat failed ({type(error).__name__}). {details(log_file)}"
