"""Changes one value in the settings file: whole or not at all, the user's comments kept."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from medusa_chat.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_chat.configuration.fields import Table, Value

_FIRST_LINES = """\
# The settings of medusa-chat. What is not here has its default; the command line wins over this.
"""


def save(path: Path, table: Table, name: str, value: Value | None) -> None:
    """Set a value in the file, which is made if need be; None takes it out.

    Raises UsageError when the file cannot be read as TOML, which leaves it alone, or not written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import Table as TomlTable

    # A file that is kept elsewhere, as in a folder of dot files, stays a link.
    target = path.resolve()
    try:
        text = target.read_bytes().decode("utf-8") if target.exists() else _FIRST_LINES
        document = tomlkit.parse(text)
    except (OSError, UnicodeDecodeError, TOMLKitError, RecursionError) as error:
        raise UsageError(
            f"{path} is left as it is, and {name} is not kept: {error}. Mend the file first."
        ) from None
    if table not in document and value is not None:
        document[table] = tomlkit.table()
    found = document.get(table)
    if isinstance(found, TomlTable):
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    elif value is not None:
        raise UsageError(
            f"{path}: {table} is no table, so {name} is not kept. Mend the file first."
        )
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Newlines as the file has them.
        part.write_bytes(tomlkit.dumps(document).encode("utf-8"))
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    except OSError as error:
        raise UsageError(f"{name} is not kept: {path} cannot be written ({error}).") from None
    finally:
        part.unlink(missing_ok=True)
