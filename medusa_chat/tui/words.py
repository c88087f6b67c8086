"""What the chat says about itself, in one place."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from medusa_chat import quantities
from medusa_chat.tui.key_names import key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from medusa_chat.conversation.conversation import Message
    from medusa_chat.engine.process import Ended
    from medusa_chat.engine.protocol import Failed, Finished, Loaded, Overflow
    from medusa_chat.library.catalog import Entry
    from medusa_chat.settings import DecodeSettings, SamplingDefaults
    from medusa_chat.tui.link import State

READING = "reading the prompt…"
STOPPING = "stopping…"
COPIED = "Copied"
NO_CHAT_YET = "There is no chat yet to go on with: this is a new one."
NOTHING_TO_EXPORT = "There is nothing to export yet."

_WAITING: dict[State, str] = {
    "fetching": "waiting for the download",
    "loading": "waiting for the model",
    "ready": "queued",
    "down": "waiting for the engine",
}

_REASONS = {
    "length": "length limit",
    "context": "context full",
    "cancelled": "stopped",
    "failed": "failed",
    "interrupted": "interrupted",
}

ROOM = "The messages above are sent with each prompt. Fewer of them leave room for replies."
IN_THE_WAY = "Send or clear what you write first: what is taken back takes its place."
NO_ROOM = "There is nothing yet that could be left out: the last prompt and its reply always stay."


def welcome() -> str:
    """Return what stands in a chat in which nothing was said."""
    return (
        "Write a message and press Enter. A reply comes in bursts: each colour is what one step of "
        "the model gave, and what Medusa's heads had guessed right is underlined. "
        f"{key('medusa')} turns Medusa off and on, {key('help')} lists the keys."
    )


def hangs() -> str:
    """Return what to say of an engine that does not stop."""
    return f"stopping… {key('restart')} starts the engine again if it hangs."


def silent(seconds: float) -> str:
    """Return what to say of a reply of which nothing came for so long."""
    return (
        f"nothing came for {seconds:.0f} s · {key('stop')} stops it, {key('restart')} starts the "
        "engine again if it hangs"
    )


def does_not_stop() -> str:
    """Return what to say of an engine that goes on with what nobody waits for."""
    return f"The engine has not stopped yet. {key('restart')} starts it again if it hangs."


def running() -> str:
    """Return what to say before an engine that runs is started again."""
    return f"The engine is running. {again('restart')} to start it anew all the same."


def again(command: str) -> str:
    """Return how a command is called once more."""
    called = key(command)
    return f"Write {called} again" if called.startswith("/") else f"Press {called} again"


def leaving() -> str:
    """Return what to say to who has asked to quit."""
    return f"{again('interrupt')} to quit"


def editing() -> str:
    """Return what stands over the prompt while an earlier one is edited."""
    return f"Editing · the old one stays · {key('stop')} leaves"


def context_full() -> str:
    """Return what to say under a reply that has filled the context."""
    return (
        f"The context is full. {key('room')} makes room and goes on; {key('new')} begins a new "
        "chat."
    )


def room_later() -> str:
    """Return what to say to who wants room while the model is busy."""
    return f"Room can be made once the model is free: {key('stop')} stops what it is doing."


def delete_later() -> str:
    """Return what to say to who would delete what is being answered."""
    return f"This can be deleted once nothing of it is being answered: {key('stop')} stops that."


def deleted(messages: int) -> str:
    """Return what to say when messages were deleted."""
    what, it = "The message was", "it"
    if messages > 1:
        what, it = f"{messages} messages were", "them"
    return f"{what} deleted. Ctrl+Z in an empty prompt brings {it} back, until you quit."


def unfinished(path: Sequence[Message]) -> str:
    """Return what can be done about the last message of a chat that is opened, if anything."""
    last = path[-1] if path else None
    if last is None:
        return ""
    if last.role == "user":
        return f"The last prompt has no reply. {key('retry')} has it answered."
    if last.outcome is not None and last.outcome.stop_reason == "interrupted":
        return f"The last reply was interrupted. {key('continue')} goes on with it."
    return ""


def held() -> str:
    """Return what to do about a prompt that does not fit."""
    return f"Nothing was sent: {key('room')} makes room."


def not_sent() -> str:
    """Return what to do about a prompt that was not sent after all."""
    return f"It was not sent. {key('retry')} tries again, {key('edit')} shortens it."


def summing_up(share: float) -> str:
    """Return what to say while the model sums up messages, or this share of each."""
    what = "The model sums up the oldest messages…"
    if share < 1:
        what = "They are too long to be read at once: the model sums up the beginning of each…"
    return f"{what} {key('stop')} stops it."


def too_long(overflow: Overflow) -> str:
    """Return why a prompt cannot be sent."""
    return (
        f"What would be sent has {overflow.prompt_tokens} tokens, and the "
        f"model's context holds {overflow.context_tokens}."
    )


def no_summary(event: Finished | Failed, *, sent: bool) -> str:
    """Return what to say when a summary did not come."""
    from medusa_chat.engine.protocol import Failed

    why = failed(event) if isinstance(event, Failed) else "The summary was stopped."
    return why if sent else f"{why} {not_sent()}"


def cut(messages: int, summary: str) -> str:
    """Return the rule above which nothing is sent any more, with what is sent instead."""
    what = "message above is" if messages == 1 else f"{messages} messages above are"
    rule = f"—— the {what} no longer sent ——"
    return f"{rule}\nSent instead, as the model summed it up:\n{summary}" if summary else rule


def abandoned(given_up: State) -> str:
    """Return what to say when the user does not want to wait for a model."""
    what = "Loading was stopped."
    if given_up == "fetching":
        what = "The download is paused, and what came is kept."
    return f"{what} {key('restart')} goes on with it, {key('models')} takes another model."


def waiting(state: State) -> str:
    """Return what a prompt waits for."""
    remedy = f": {key('restart')} starts it again" if state == "down" else ""
    return f"{_WAITING[state]}{remedy}"


def place(waiting: str, number: int, of: int) -> str:
    """Return what a prompt waits for, and how many wait before it; the last can be taken back."""
    line = f"{waiting} · {number} of {of}" if of > 1 else waiting
    return f"{line} · Up takes it back" if number == of else line


def ending(stop_reason: str, figures_line: str, mode: str | None) -> str:
    """Return the line under a reply that is over."""
    parts = [figures_line, _REASONS.get(stop_reason, ""), "Medusa off" if mode == "plain" else ""]
    return " · ".join(part for part in parts if part)


def about(loaded: Loaded, decode: DecodeSettings) -> list[str]:
    """Return what there is to say about a model that is ready."""
    notices = list(loaded.notices)
    if loaded.plain_reason is not None and decode.medusa:
        notices.append(f"Medusa is off: {loaded.plain_reason}")
    elif loaded.heads == 0 and decode.medusa:
        off = decode.draft == "heads"
        state = "Medusa is off" if off else "Guesses come from the text alone"
        notices.append(f"{state}: the model has no Medusa heads.")
    offer = _sampling_offer(loaded.defaults, decode)
    return [*notices, offer] if offer else notices


def _sampling_offer(defaults: SamplingDefaults, decode: DecodeSettings) -> str:
    """Return what the model's authors suggest, if that is not how tokens are drawn anyway."""
    suggested = {name: value for name, value in asdict(defaults).items() if value is not None}
    if all(getattr(decode, name) == value for name, value in suggested.items()):
        return ""
    return f"The model's authors suggest {_sampling(suggested)}. {key('sampling')} takes that over."


def sampling_taken(suggested: dict[str, float]) -> str:
    """Return what to say when the authors' suggestion was taken over."""
    if not suggested:
        return "The model's authors suggest no way of drawing tokens."
    return f"From the next reply on: {_sampling(suggested)}."


def _sampling(values: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in values.items())


def suggestion(entry: Entry, machine: str, *, has_gpu: bool) -> str:
    """Return the card that says what this machine could run, and how to get it."""
    assert entry.best is not None
    size = quantities.size(entry.bytes_missing or 0)
    terms = "" if entry.best.verdict == "fits" else ", if little else is running"
    if not has_gpu:
        terms += ", slowly, as there is no GPU"
    return (
        f"This is a small demonstration model. This machine ({machine}) could run "
        f"{entry.title} in {entry.best.bits} bits{terms}. "
        f"{key('fetch')} fetches it ({size}), {key('models')} shows all models."
    )


def in_use(model: str) -> str:
    """Return what to say when the model in use is asked for once more."""
    return f"{model} is in use already. {key('restart')} starts it again."


def stays(model: str) -> str:
    """Return what to say when another model cannot be had."""
    return f"{model} stays in use."


def arrived(title: str) -> str:
    """Return what to say when a download is done."""
    return f"{title} is here. {key('models')} loads it."


def details(log_file: Path | None) -> str:
    """Return where more can be read."""
    if log_file is None:
        return "There is no log: its folder cannot be written."
    return f"Details are in {log_file}."


def failed(event: Failed | Ended) -> str:
    """Return what the engine said when something failed, and which keys help where memory did."""
    from medusa_chat.engine.protocol import Failed

    less = f"{key('models')} shows what takes less."
    if not isinstance(event, Failed):
        return f"{event} {less}" if event.may_have_lacked_memory else str(event)
    if not event.lacked_memory:
        return event.message
    if event.reply_id is not None:  # else who tells of it names the key that starts it again
        less = f"{key('restart')} loads it anew, {key('new')} begins a new chat, {less}"
    return f"{event.message} {less}"


def engine_down(message: str, log_file: Path | None) -> str:
    """Return what to say when the engine is gone."""
    return (
        f"{message} {details(log_file)} {key('restart')} starts the engine again; the conversation "
        "is kept."
    )


def unsaved(message: str) -> str:
    """Return what to say when the conversation cannot be kept."""
    return f"This chat is not being saved. {message} {key('export')} exports the chat as it is."


def crashed(error: Exception, log_file: Path | None) -> str:
    """Return the one line that is left on the terminal after an error that nobody expected."""
    return f"medusa-chat failed ({type(error).__name__}). {details(log_file)}"
