"""``medusa-chat models``: what is here and what fits, fetching, removing and checking."""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import sys
from collections.abc import Sequence
from typing import Any

from medusa_chat import paths
from medusa_chat.errors import HubError, UsageError
from medusa_chat.library import catalog, table
from medusa_chat.library.catalog import Entry, Machine
from medusa_chat.models.device_memory import device_memory
from medusa_chat.models.hub.progress import Progress
from medusa_chat.models.hub.reference import Reference
from medusa_chat.models.registry import registry
from medusa_chat.printable import printable
from medusa_chat.quantities import percent, size
from medusa_chat.settings import ModelSettings
from medusa_chat.status_line import StatusLine, tell


def run(arguments: argparse.Namespace) -> int:
    """Do what ``medusa-chat models`` was asked for, and return the exit status.

    Raises MedusaChatError, in words, for whatever a user can cause or meet.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    for notice in registry().notices:
        tell(notice)
    match arguments.action:
        case "list":
            return _list(_machine(arguments), as_json=arguments.json)
        case "pull":
            from medusa_chat.library.pulling import pull

            machine = _machine(arguments)
            return pull(arguments.names, arguments.base_model, machine, as_json=arguments.json)
        case "info":
            machine = _machine(arguments)
            return _info(arguments.name, arguments.base_model, machine, as_json=arguments.json)
        case "remove":
            return _remove(arguments.name, with_base=arguments.with_base, yes=arguments.yes)
        case _:
            return _verify(arguments.names, discard=arguments.discard)


def _machine(arguments: argparse.Namespace) -> Machine:
    """Return what models are to fit into, by the options. Raises UsageError."""
    given = vars(arguments)
    names = ("context_tokens", "head_precision")
    settings = ModelSettings(**{name: given[name] for name in names if name in given})
    return Machine(device_memory(), settings.context_tokens, settings.head_precision)


def _list(machine: Machine, *, as_json: bool) -> int:
    entries = catalog.entries(machine)
    if as_json:
        for entry in entries:
            print(json.dumps(_record(entry)))
        return 0
    rows = [[printable(cell) for cell in table.cells(entry)] for entry in entries]
    if not sys.stdout.isatty():
        print("\n".join(table.aligned([table.COLUMNS, *rows])))
        return 0
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in table.COLUMNS:
        shown.add_column(name, justify="right" if name == "size" else "left", overflow="fold")
    for row, entry in zip(rows, entries, strict=True):
        style = "" if entry.state in ("here", "built in") else "dim"
        shown.add_row(*(Text(cell) for cell in row), style=style)
    console = Console()
    console.print(shown)
    console.print(table.machine(machine.memory), markup=False, highlight=False)
    return 0


def _info(name: str, base_model: str | None, machine: Machine, *, as_json: bool) -> int:
    folder = paths.written(name)
    if registry().find(name) is None and paths.is_folder(folder):
        entry: Entry | None = catalog.folder_entry(folder, machine, base_model)
    else:
        entry = catalog.entry_of(name, machine)
    if entry is None:
        raise UsageError(f"{name!r} is no name on the Hub: write owner/name, or see models list.")
    if not entry.listed and entry.state == "remote":
        from medusa_chat.library.remote import remote_entry

        entry = remote_entry(name, machine, base_model)
    if as_json:
        print(json.dumps(_record(entry)))
        return 0
    print(printable("\n".join(table.details(entry))))
    print(printable(f"Here{'':9}{table.machine(machine.memory)}"))
    return 0


def _remove(name: str, *, with_base: bool, yes: bool) -> int:
    from medusa_chat.library.removal import plan_removal

    removal = plan_removal(name, with_base=with_base)
    tell(removal.words)
    if not yes:
        if not _can_ask():
            raise UsageError("Nothing was removed: add --yes to remove without being asked.")
        if input("Remove? [y/N] ").strip().lower() not in ("y", "yes"):
            tell("Nothing was removed.")
            return 1
    removal.execute()
    tell(f"{size(removal.frees_bytes)} are free again.")
    return 0


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _verify(names: Sequence[str], *, discard: bool) -> int:
    from medusa_chat.models.hub.verification import verify

    references = _to_verify(names)
    if not references:
        tell("No model is in the Hub's cache: there is nothing to check.")
    damaged = 0
    for reference in references:
        with StatusLine() as status:

            def show(progress: Progress, status: StatusLine = status) -> None:
                done = percent(progress.done_bytes, progress.total_bytes)
                status.show(f"Checking {progress.model}: {done} of {size(progress.total_bytes)}")

            defects = verify(reference, show)
        if not defects:
            print(printable(f"{reference}: whole"))
        for defect in defects:
            print(printable(f"{reference}: {defect.name} {defect.reason}"))
            if discard:
                defect.remove()
        damaged += len(defects)
        if defects:
            how = "" if discard else f"`medusa-chat models verify {reference} --discard`, then "
            tell(f"To mend it: {how}`medusa-chat models pull {reference}`.")
    return int(damaged > 0)


def _to_verify(names: Sequence[str]) -> list[Reference]:
    """Return the repositories of the models called ``names``, or of all that are here."""
    if not names:
        parts = [part for entry in catalog.entries() for part in entry.parts]
        return list(dict.fromkeys(part.reference for part in parts if part.state == "here"))
    found: dict[Reference, None] = {}
    for name in names:
        entry = catalog.entry_of(name)
        if entry is None:
            raise UsageError(f"{name!r} is no name on the Hub: write owner/name.")
        if entry.state == "built in":
            tell(f"{name} ships with the program: there are no checksums of it.")
        elif all(part.state == "absent" for part in entry.parts):
            raise HubError(
                f"{name} is not in the Hub's cache: `medusa-chat models pull {name}` fetches it.",
                "missing",
                name,
            )
        found |= dict.fromkeys(part.reference for part in entry.parts if part.state != "absent")
    return list(found)


def _record(entry: Entry) -> dict[str, Any]:
    """Return an entry as ``--json`` prints it."""
    record = dataclasses.asdict(entry)
    record["bytes_missing"] = entry.bytes_missing
    for part, own in zip(record["parts"], entry.parts, strict=True):
        part["repository"] = own.reference.repository
        part["revision"] = own.reference.revision
        del part["reference"]
        part["folder"] = None if own.folder is None else str(own.folder)
    for choice, own_choice in zip(record["choices"], entry.choices, strict=True):
        choice["footprint"]["total_bytes"] = own_choice.footprint.total
    record["best_bits"] = None if entry.best is None else entry.best.bits
    del record["best"]
    if entry.speed is not None:
        record["speed"]["ratio"] = entry.speed.ratio
    return record
