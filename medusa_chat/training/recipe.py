"""Recipes: settings of a training in a TOML file, of the user's own or one that comes along.

A key is an option without its dashes, ``lambda = 0.8`` or ``load-in-4bit = true``, or the name of
a setting; ``_`` serves for ``-``.
Standard library only, but for where files lie.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from medusa_chat import paths
from medusa_chat.errors import UsageError
from medusa_chat.training.settings import SWITCHES, TrainSettings, flag

_FOLDER = "assets/recipes"
_SETTINGS = {
    key: field.name
    for field in fields(TrainSettings)
    for key in (flag(field.name).removeprefix("--"), field.name.replace("_", "-"))
}
_SWITCHES = {switch.removeprefix("--"): given for switch, given in SWITCHES.items()}


def names() -> tuple[str, ...]:
    """Return the recipes that come with the program."""
    return tuple(sorted(file.stem for file in paths.shipped(_FOLDER).glob("*.toml")))


def read_recipe(name: str) -> dict[str, Any]:
    """Return the settings, by TrainSettings' names, of a shipped recipe or of a TOML file.

    Raises UsageError for one that is not there, is no TOML, or has what is no setting, or one
    twice.
    """
    file = paths.written(name)
    if not file.is_file():
        if name not in names():
            raise UsageError(
                f"--recipe {name} is neither a file nor one of {', '.join(names())}: give one."
            )
        file = paths.shipped(_FOLDER) / f"{name}.toml"
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"--recipe {file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--recipe {file} is not TOML: {error}.") from error
    settings: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for key, value in content.items():
        setting, found = _setting(file, key, value)
        if setting in settings:
            raise UsageError(
                f"--recipe {file}: {keys[setting]} and {key} are the same setting: leave one out."
            )
        settings[setting], keys[setting] = found, key
    return settings


def _setting(file: Path, key: str, value: object) -> tuple[str, Any]:
    """Return the setting that ``key`` is for, and its value. Raises UsageError for none."""
    written = key.replace("_", "-")
    if written in _SWITCHES and value is True:
        return _SWITCHES[written]
    if written in _SETTINGS:
        return _SETTINGS[written], _value(file, key, _SETTINGS[written], value)
    if written in _SWITCHES:
        raise _wrong(file, key, value, "true, or left out")
    nearest = difflib.get_close_matches(written, [*_SETTINGS, *_SWITCHES], 1)
    hint = f" (is it {nearest[0]}?)" if nearest else ""
    raise UsageError(
        f"--recipe {file}: there is no setting {key}{hint}. Keys are the options of medusa-chat "
        "train --help, without their dashes."
    )


def _value(file: Path, key: str, name: str, value: object) -> Any:
    """Return ``value`` as the setting ``name`` has it. Raises UsageError for another kind."""
    kind = get_type_hints(TrainSettings)[name]
    if get_origin(kind) is UnionType:
        kind = next(one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is tuple:
        of = get_args(kind)[0]
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(of(one) for one in value)
        raise _wrong(file, key, value, "a list of texts")
    if get_origin(kind) is Literal:
        kind = str
    kinds: dict[Any, tuple[type | tuple[type, ...], str]] = {
        bool: (bool, "true or false"),
        int: (int, "a whole number"),
        float: ((int, float), "a number"),
        str: (str, "a text"),
        Path: (str, "a text"),
    }
    wanted, words = kinds[kind]
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise _wrong(file, key, value, words)
    return kind(value)


def _wrong(file: Path, key: str, value: object, words: str) -> UsageError:
    return UsageError(f"--recipe {file}: {key} is {value!r}, and has to be {words}.")
