"""Lists, exports and imports the saved chats."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from medusa_chat import paths
from medusa_chat.conversation.chat import Chat
from medusa_chat.conversation.chat_json import ChatCopy, chats_json, copies, same
from medusa_chat.conversation.conversation import ChatSummary
from medusa_chat.conversation.export import write, write_new
from medusa_chat.conversation.markdown import markdown
from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.errors import MedusaChatError, StorageError, UsageError
from medusa_chat.printable import printable
from medusa_chat.status_line import tell

_ALL_FOLDER = "medusa-chat-chats"


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for, and return the exit status. Raises MedusaChatError, in words."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    match arguments.command:
        case "chats":
            search = " ".join(arguments.search)
            return _list(search, arguments.limit, as_json=arguments.json)
        case "export":
            with _to_read() as store:
                chats = _chosen(store, arguments)
                return _export(chats, arguments.format, arguments.output, several=arguments.all)
        case _:
            return _import(arguments.files, again=arguments.again)


def _to_read() -> Store:
    """Return the chats, also of a file that cannot be written; none where there is no file."""
    path = _file()
    if not path.exists():
        return Store()
    try:
        return Store(path)
    except StorageError as error:
        if error.kind in ("damaged", "newer"):
            raise
        return Store(copy_of=path)


def _file() -> Path:
    try:
        return paths.data_dir() / FILE_NAME
    except OSError as error:
        raise StorageError(
            f"The folder of the chats cannot be made: {error}. Set MEDUSA_CHAT_HOME to a folder "
            "of yours.",
            "unwritable",
        ) from error


# chats ---------------------------------------------------------------------------------------


def _list(search: str, limit: int | None, *, as_json: bool) -> int:
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit} is out of range: 1 or more.")
    with _to_read() as store:
        chats = store.chats(search, limit)
    for chat in chats:
        if as_json:
            print(json.dumps(_record(chat)))
            continue
        when = f"{chat.changed.astimezone():%Y-%m-%d %H:%M}"
        print(printable(f"{chat.id}  {when}  {chat.messages:>4}  {chat.title}"))
        if chat.preview is not None and (search or sys.stdout.isatty()):
            print(f"    {_preview(chat)}")
    if not chats and not as_json:
        tell(f"No chat has {search!r}." if search.strip() else "There are no chats yet.")
    return 0


def _preview(chat: ChatSummary) -> str:
    """Return the preview's line; on a terminal what was searched for is bold."""
    assert chat.preview is not None
    text, marks = chat.preview.text, chat.preview.marks
    if not sys.stdout.isatty():
        return printable(text)
    shown, at = "", 0
    for begin, end in marks:
        shown += f"{printable(text[at:begin])}\x1b[1m{printable(text[begin:end])}\x1b[22m"
        at = end
    return shown + printable(text[at:])


def _record(chat: ChatSummary) -> dict[str, object]:
    return {
        "id": chat.id,
        "title": chat.title,
        "created": chat.created.isoformat(),
        "changed": chat.changed.isoformat(),
        "messages": chat.messages,
        "model": chat.model,
        "preview": None if chat.preview is None else chat.preview.text,
    }


# export --------------------------------------------------------------------------------------


def _chosen(store: Store, arguments: argparse.Namespace) -> list[Chat]:
    if arguments.chat is not None:
        return [store.chat(store.find(arguments.chat).id)]
    found = store.chats(limit=None if arguments.all else 1)
    if not found:
        raise UsageError("There is nothing to export: there are no chats yet.")
    return [store.chat(chat.id) for chat in found]


def _export(chats: Sequence[Chat], kind: str, output: str | None, *, several: bool) -> int:
    if several and output is None:
        output = f"{_ALL_FOLDER}/"
    if output == "-" or (output is not None and not _is_folder(output, kind, several=several)):
        if kind != "json" and len(chats) > 1:
            raise UsageError(
                f"{len(chats)} chats do not go into one {kind} file: give --output a folder, or "
                "--format json."
            )
        text = _text(chats, kind)
        if output == "-":
            sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
        else:
            _write(text, paths.written(output or ""))
        return 0
    folder = paths.written(output or ".").resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chat in chats:
            path = write_new(_text([chat], kind), folder, chat.conversation, kind)
            print(printable(str(path)))
    except OSError as error:
        raise MedusaChatError(
            f"The chats cannot be written into {folder} ({error.strerror or error}): give "
            "--output a folder that you can write to."
        ) from error
    return 0


def _is_folder(output: str, kind: str, *, several: bool) -> bool:
    path = paths.written(output)
    if path.is_dir() or output.endswith(("/", "\\")):
        return True
    return several and path.suffix != f".{kind}"


def _text(chats: Sequence[Chat], kind: str) -> str:
    if kind == "json":
        return chats_json(chats)
    (chat,) = chats
    if kind == "html":
        from medusa_chat.conversation.web_page import web_page

        return web_page(chat.conversation)
    return markdown(chat.conversation)


def _write(text: str, path: Path) -> None:
    try:
        write(text, path)
    except FileExistsError as error:
        raise UsageError(
            f"{path} is there already, and is not overwritten: name another file."
        ) from error
    except OSError as error:
        raise MedusaChatError(
            f"{path} cannot be written ({error.strerror or error}): name a file in a folder of "
            "yours."
        ) from error
    print(printable(str(path.resolve())))


# import --------------------------------------------------------------------------------------


def _import(files: Sequence[str], *, again: bool) -> int:
    # All of them are read before the first is kept: a mistake leaves things as they were.
    read = [copy for name in files for copy in copies(_read(name), _shown(name))]
    with Store(_file()) as store:
        for copy in read:
            if again or not store.has(copy.id):
                chat = store.take_in(copy, as_new=store.has(copy.id))
                print(printable(f"{chat.id}  {chat.title}"))
            else:
                tell(_already_here(store.chat(copy.id), copy))
    return 0


def _already_here(chat: Chat, copy: ChatCopy) -> str:
    state = "" if same(chat, copy) else ", and not the same"
    return f"{chat.id} ({chat.title}) is here already{state}: --again imports another copy."


def _shown(name: str) -> str:
    return "stdin" if name == "-" else name


def _read(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else paths.written(name).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"{name} cannot be read ({error.strerror or error}): name a file that "
            "`medusa-chat export --format json` wrote."
        ) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise MedusaChatError(
            f"{_shown(name)}, line {line}: this is no text in UTF-8. Only what `medusa-chat export "
            "--format json` wrote can be imported."
        ) from error
