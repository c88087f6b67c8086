"""Reads the settings file. What is wrong in it is told, and the rest holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from medusa_chat.configuration.fields import FIELDS, Table, Value
from medusa_chat.errors import UsageError
from medusa_chat.settings import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "config.toml"
KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the file says, as far as it can be used, by table and name."""

    path: Path | None = None
    """Where it is, or would be."""
    tables: Mapping[Table, Mapping[str, Value]] = field(default_factory=dict)
    keys: Mapping[str, object] = field(default_factory=dict)
    """What is in ``[keys]``, as it is: only the interface knows the names of its actions."""
    problems: tuple[str, ...] = ()
    """What is wrong in it, in words."""

    def table(self, name: Table) -> Mapping[str, Value]:
        """Return the settings of a table; none where the file has none."""
        return self.tables.get(name, {})

    def get(self, table: Table, name: str) -> Value | None:
        """Return a setting; None where the file says nothing of it."""
        return self.table(table).get(name)


def read(path: Path) -> Configuration:
    """Return what is in the file; nothing for one that is not there, and never raise."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return Configuration(path)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return _unread(path, f"line {line} is no text in UTF-8")
    except OSError as error:
        return _unread(path, str(error.strerror or error))
    import tomllib

    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return _unread(path, str(error))
    return _of(path, content)


def _unread(path: Path, reason: str) -> Configuration:
    problem = f"{path} cannot be used, and is left as it is: {reason}. Mend it, and start again."
    return Configuration(path, problems=(problem,))


def _of(path: Path, content: dict[str, Any]) -> Configuration:
    tables: dict[Table, dict[str, Value]] = {}
    problems = [
        f"{path}: there is no table [{name}]. There are {', '.join((*get_args(Table), KEYS))}."
        for name in content
        if name not in (*get_args(Table), KEYS)
    ]
    for table in get_args(Table):
        found = content.get(table, {})
        if not isinstance(found, dict):
            problems.append(f"{path}: {table} is no table: write [{table}] above its settings.")
            continue
        fields = {one.name: one for one in FIELDS if one.table == table}
        tables[table] = {}
        for name, value in found.items():
            if name not in fields:
                problems.append(
                    f"{path}: [{table}] knows no {name!r}. It knows {', '.join(fields)}."
                )
                continue
            try:
                tables[table][name] = fields[name].checked(value)
            except UsageError as error:
                problems.append(f"{path}, [{table}]: {error} The default holds.")
    try:
        ModelSettings(**tables.get("model", {}))  # type: ignore[arg-type]
    except UsageError as error:  # of values that do not go together
        problems.append(f"{path}, [model]: {error} The defaults hold.")
        tables["model"] = {}
    keys = content.get(KEYS, {})
    if not isinstance(keys, dict):
        problems.append(f"{path}: {KEYS} is no table: write [{KEYS}] above the keys.")
        keys = {}
    return Configuration(path, tables, keys, tuple(problems))
