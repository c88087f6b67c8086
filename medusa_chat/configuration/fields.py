"""Every setting that the file, the settings screen and a slash command know: one table."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, get_args

from medusa_chat.errors import UsageError
from medusa_chat.settings import (
    Acceptance,
    DecodeSettings,
    DraftSources,
    DType,
    HeadPrecision,
    ModelSettings,
    Quantization,
)

Table = Literal["model", "decoding", "interface"]
Value = bool | int | float | str

THEMES = ("medusa-dark", "medusa-light", "medusa-terminal", "medusa-terminal-light")
MARKS = ("live", "bursts", "depth", "off")

_SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: its name in its table of the file, what it takes, and what it does in words."""

    name: str
    table: Table
    kind: type
    does: str
    choices: tuple[str, ...] = ()
    is_per_chat: bool = False
    """Whether each chat may have its own."""
    slash: str = ""
    """What it is called in the prompt, where that is not its name with hyphens."""

    @property
    def command(self) -> str:
        """Its name behind a slash."""
        return self.slash or self.name.replace("_", "-")

    @property
    def takes(self) -> str:
        """What may be written for it, in short."""
        return "|".join(self.choices) or {bool: "on|off", int: "N", float: "X"}.get(
            self.kind, "TEXT"
        )

    def checked(self, value: object) -> Value:
        """Return a value as a file has it. Raises UsageError for one that cannot be."""
        if self.kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, self.kind) or (self.kind is int and isinstance(value, bool)):
            raise UsageError(f"{self.name} = {value!r} is not {_KINDS[self.kind]}.")
        if self.choices and value not in self.choices:
            raise UsageError(f"{self.name} = {value!r} is not known: use {self._known}.")
        settings = {"model": ModelSettings, "decoding": DecodeSettings}.get(self.table)
        if settings is not None:
            try:
                settings(**{self.name: value})
            except UsageError as error:
                raise UsageError(str(error).removeprefix("--")) from None
        assert isinstance(value, bool | int | float | str)
        return value

    def read(self, text: str) -> Value:
        """Return the value that ``text`` writes. Raises UsageError for one that cannot be."""
        text = text.strip()
        if self.kind is bool:
            if text.lower() not in _SWITCH:
                raise UsageError(f"{self.command} {text!r} is not known: use on, off.")
            return _SWITCH[text.lower()]
        if self.kind is str:
            return self.checked(text)
        try:
            number: object = self.kind(text)
        except ValueError:
            raise UsageError(f"{self.command} {text!r} is not {_KINDS[self.kind]}.") from None
        return self.checked(number)

    @property
    def _known(self) -> str:
        return ", ".join(self.choices)


def written(value: object) -> str:
    """Return a value as a person reads it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == "":
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _of_chat(name: str, kind: type, does: str, slash: str = "") -> Field:
    return Field(name, "decoding", kind, does, is_per_chat=True, slash=slash)


FIELDS = (
    _of_chat("system", str, "The system message: who the model is to be"),
    _of_chat("temperature", float, "How freely tokens are drawn; 0 takes the likeliest"),
    _of_chat("top_p", float, "Draw from the likeliest tokens of this share; 1 is off"),
    _of_chat("top_k", int, "Draw from so many of the likeliest tokens; 0 is off"),
    _of_chat("repetition_penalty", float, "Above 1: tokens that came before lose weight"),
    _of_chat("seed", int, "The same number gives the same text; fresh for each reply if unset"),
    _of_chat("max_new_tokens", int, "The most tokens of a reply", slash="max-tokens"),
    Field("medusa", "decoding", bool, "Medusa on or off from the next reply"),
    Field(
        "tree",
        "decoding",
        str,
        "Which guesses are checked: auto, dynamic, chain, root, a preset or a file",
        slash="tree-shape",
    ),
    Field("tree_size", "decoding", int, "Nodes of the tree, the root included"),
    Field(
        "draft",
        "decoding",
        str,
        "What guesses are made from: heads, bigrams too, or the text as well",
        get_args(DraftSources),
    ),
    Field(
        "acceptance",
        "decoding",
        str,
        "Exact keeps the model's text; typical is faster, and changes it",
        get_args(Acceptance),
    ),
    Field("theme", "interface", str, "The colours", THEMES),
    Field("marks", "interface", str, "Which bursts are marked at the start", MARKS),
    Field("model", "model", str, "The model that the program starts with"),
    Field("quantization", "model", str, "How its weights are packed", get_args(Quantization)),
    Field("head_precision", "model", str, "The precision of its heads", get_args(HeadPrecision)),
    Field("dtype", "model", str, "The numbers that it computes with", get_args(DType)),
    Field("device", "model", str, "Where it runs: auto, cpu, cuda or cuda:N"),
    Field("context_tokens", "model", int, "The most tokens of a conversation"),
)
"""In the order in which the settings screen lists them."""

BY_NAME = {field.name: field for field in FIELDS}


def default_of(field: Field) -> object:
    """Return what holds where nobody set anything."""
    if field.table == "interface":
        return field.choices[0]
    owner = ModelSettings() if field.table == "model" else DecodeSettings()
    return getattr(owner, field.name)


assert {field.name for field in FIELDS if field.table != "interface"} <= {
    one.name for owner in (ModelSettings, DecodeSettings) for one in dataclasses.fields(owner)
}
