"""Chats as JSON, whole: every branch, every setting and figure; and back.

The form, of version 1::

    {"format": "medusa-chat chats", "version": 1, "chats": [
      {"id": "0f3a...", "title": "...", "renamed": false,      # true: the title was given by hand
       "created": "2026-03-04T12:00:00.000000+00:00", "changed": "...",
       "settings": {"temperature": 0.2, ...},                  # ChatSettings; null is not set
       "messages": [
         {"number": 1, "parent": null, "active": true,         # a parent has the lower number
          "role": "user" or "assistant", "content": "...", "created": "...",
          "recipe": {...} or null,                             # Recipe: what made a reply
          "outcome": {"stop_reason": "eos", "figures": {...}, "figures_line": "..."} or null,
          "cut": {"summary": "..."}}]}]}   # where nothing above is sent any more; else left out

Messages are numbered from 1 in each chat. Out of the messages with one parent, one is ``active``:
the active ones from the top are the conversation as it is read.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from medusa_chat.conversation.conversation import (
    ChatSettings,
    Cut,
    Message,
    Outcome,
    Recipe,
    encodable,
)
from medusa_chat.conversation.json_place import line_of
from medusa_chat.conversation.tree import MessageTree
from medusa_chat.errors import MedusaChatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from medusa_chat.conversation.chat import Chat

FORMAT = "medusa-chat chats"
VERSION = 1

_ID = re.compile("[0-9a-z]{1,64}")

Place = tuple[str | int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class ChatCopy:
    """A chat as it was exported; its messages' ids are their numbers."""

    id: str
    title: str
    renamed: bool
    created: datetime
    changed: datetime
    settings: ChatSettings
    tree: MessageTree


class _NotOursError(Exception):
    """What is wrong with a value, and where it stands."""

    def __init__(self, reason: str, place: Place) -> None:
        super().__init__(reason)
        self.place = place


def chats_json(chats: Iterable[Chat]) -> str:
    """Return the chats as JSON."""
    content = {"format": FORMAT, "version": VERSION, "chats": [_of_chat(chat) for chat in chats]}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def copies(text: str, name: str) -> list[ChatCopy]:
    """Return the chats of a JSON text. Raises MedusaChatError, with ``name`` and line, for others.

    Whatever is not as ``chats_json`` writes it is refused, so that nothing is lost in silence.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        reason = getattr(error, "msg", str(error))
        raise MedusaChatError(f"{name}, line {line}: this is no JSON ({reason}).") from error
    except RecursionError as error:
        raise MedusaChatError(f"{name}: this is no chat, but lists within lists.") from error
    try:
        _is(content, dict, ())
        if content.get("format") != FORMAT:
            raise _NotOursError(
                f'"format" is {content.get("format")!r}, not {FORMAT!r}. Only what `medusa-chat '
                "export --format json` wrote can be imported",
                ("format",),
            )
        if content.get("version") != VERSION:
            raise _NotOursError(
                f'"version" is {content.get("version")!r}, and this medusa-chat reads {VERSION}. '
                "Update medusa-chat to import it",
                ("version",),
            )
        fields = _fields(content, ("format", "version", "chats"), ())
        _is(fields["chats"], list, ("chats",))
        return [_chat(one, ("chats", index)) for index, one in enumerate(fields["chats"])]
    except _NotOursError as error:
        line = line_of(text, error.place)
        raise MedusaChatError(f"{name}, line {line}: {error}.") from error


def same(chat: Chat, copy: ChatCopy) -> bool:
    """Tell whether a chat is what was exported, its id aside."""
    other = _of_chat(copy)
    return _of_chat(chat) | {"id": None} == other | {"id": None}


# Out -----------------------------------------------------------------------------------------


def _of_chat(chat: Chat | ChatCopy) -> dict[str, object]:
    return {
        "id": chat.id,
        "title": chat.title,
        "renamed": chat.renamed,
        "created": _text(chat.created),
        "changed": _text(chat.changed),
        "settings": dataclasses.asdict(chat.settings),
        "messages": list(_messages(chat.tree)),
    }


def _messages(tree: MessageTree) -> Iterator[dict[str, object]]:
    """Yield the messages, each after the one that it follows, the oldest of siblings first."""
    numbers: dict[int | None, int | None] = {None: None}
    waiting = list(reversed(tree.children(None)))
    while waiting:
        message = waiting.pop()
        numbers[message.id] = len(numbers)
        cut = {} if message.cut is None else {"cut": _of_record(message.cut)}
        yield cut | {
            "number": numbers[message.id],
            "parent": numbers.get(message.parent),
            "active": tree.is_active(message.id),
            "role": message.role,
            "content": message.content,
            "created": _text(message.created),
            "recipe": _of_record(message.recipe),
            "outcome": _of_record(message.outcome),
        }
        waiting += reversed(tree.children(message.id))


def _of_record(record: Recipe | Outcome | Cut | None) -> object:
    # Through text, as in the file: a tuple is a list, and nothing else can be in it.
    return None if record is None else json.loads(json.dumps(dataclasses.asdict(record)))


def _text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds")


# In ------------------------------------------------------------------------------------------


def _chat(value: Any, place: Place) -> ChatCopy:
    names = ("id", "title", "renamed", "created", "changed", "settings", "messages")
    fields = _fields(value, names, place)
    for name, kind in (("id", str), ("title", str), ("renamed", bool), ("messages", list)):
        _is(fields[name], kind, (*place, name))
    if not _ID.fullmatch(fields["id"]):
        raise _NotOursError(f'"id" is {fields["id"]!r}: small letters and digits', (*place, "id"))
    messages: list[Message] = []
    active: list[int] = []
    for index, one in enumerate(fields["messages"]):
        where = (*place, "messages", index)
        message, is_active = _message(one, index + 1, where)
        if is_active:
            if any(messages[other - 1].parent == message.parent for other in active):
                raise _NotOursError(
                    '"active" is true of two messages with one parent', (*where, "active")
                )
            active.append(message.id)
        messages.append(message)
    if not messages:
        raise _NotOursError("the chat has no messages", (*place, "messages"))
    return ChatCopy(
        fields["id"],
        encodable(fields["title"]),
        fields["renamed"],
        _moment(fields["created"], (*place, "created")),
        _moment(fields["changed"], (*place, "changed")),
        _record(ChatSettings, fields["settings"], (*place, "settings")),
        MessageTree(messages, active),
    )


def _message(value: Any, number: int, place: Place) -> tuple[Message, bool]:
    names = ("number", "parent", "active", "role", "content", "created", "recipe", "outcome")
    _is(value, dict, place)
    cut = value.get("cut")
    fields = _fields({name: value[name] for name in value if name != "cut"}, names, place)
    if fields["number"] != number or isinstance(fields["number"], bool):
        raise _NotOursError(
            f'"number" is {fields["number"]!r}, and should be {number}', (*place, "number")
        )
    parent = fields["parent"]
    is_number = isinstance(parent, int) and not isinstance(parent, bool)
    if parent is not None and not (is_number and 1 <= parent < number):
        raise _NotOursError(
            f'"parent" is {parent!r}: null, or the number of an earlier message',
            (*place, "parent"),
        )
    _is(fields["active"], bool, (*place, "active"))
    _is(fields["content"], str, (*place, "content"))
    if fields["role"] not in ("user", "assistant"):
        raise _NotOursError(
            f'"role" is {fields["role"]!r}: "user" or "assistant"', (*place, "role")
        )
    recipe, outcome = fields["recipe"], fields["outcome"]
    return (
        Message(
            fields["role"],
            encodable(fields["content"]),
            _moment(fields["created"], (*place, "created")),
            None if recipe is None else _record(Recipe, recipe, (*place, "recipe")),
            None if outcome is None else _record(Outcome, outcome, (*place, "outcome")),
            number,
            parent,
            None if cut is None else _record(Cut, cut, (*place, "cut")),
        ),
        fields["active"],
    )


def _record(kind: Any, value: Any, place: Place) -> Any:
    hints = typing.get_type_hints(kind, None, {"Mapping": Mapping})
    fields = _fields(value, tuple(hints), place)
    return kind(**{name: _typed(hints[name], fields[name], (*place, name)) for name in hints})


def _typed(hint: Any, value: Any, place: Place) -> Any:
    """Return ``value`` as the field's type has it: a scalar, an optional, a tuple or a mapping."""
    origin = typing.get_origin(hint)
    if origin is types.UnionType:
        if value is None:
            return None
        (hint,) = (one for one in typing.get_args(hint) if one is not type(None))
    if origin is tuple:
        _is(value, list, place)
        return tuple(_typed(str, one, (*place, index)) for index, one in enumerate(value))
    if origin is Mapping:
        _is(value, dict, place)
        wanted = typing.get_args(hint)[1]
        if wanted is str:
            for name, one in value.items():
                _is(one, str, (*place, name))
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return value
    _is(value, hint, place)
    return encodable(value) if isinstance(value, str) else value


def _fields(value: Any, names: tuple[str, ...], place: Place) -> dict[str, Any]:
    """Return a mapping that has exactly these names."""
    _is(value, dict, place)
    for name in names:
        if name not in value:
            raise _NotOursError(f'"{name}" is missing', place)
    for name in value:
        if name not in names:
            raise _NotOursError(f'"{name}" is not known here', (*place, name))
    fields: dict[str, Any] = value
    return fields


_WORDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


def _is(value: Any, kind: type, place: Place) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        what = f'"{place[-1]}"' if place and isinstance(place[-1], str) else "this"
        raise _NotOursError(f"{what} should be {_WORDS[kind]}", place)


def _moment(value: Any, place: Place) -> datetime:
    try:
        when = datetime.fromisoformat(value)
        if when.tzinfo is None:
            raise ValueError("no zone")
        when = when.astimezone(UTC)
        # It is shown in the reader's own zone, where the first and the last day may not exist.
        for hours in (-24, 24):
            when + timedelta(hours=hours)
        return when
    except (TypeError, ValueError, OverflowError) as error:
        raise _NotOursError(
            f'"{place[-1]}" is {value!r}: a time with a zone, as 2026-03-04T12:00:00+00:00', place
        ) from error
