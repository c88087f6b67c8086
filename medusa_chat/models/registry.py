"""The models that are known by name: ``models.toml``, and the user's own file of that name.

The user's file lies in the configuration folder. It is merged entry by entry: fields of a known
name replace those that ship, other names are added. Standard library only.
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from medusa_chat import paths
from medusa_chat.errors import MedusaChatError, UsageError
from medusa_chat.models.hub.reference import hub_name, is_hub_id
from medusa_chat.models.shape import HeadShape, ModelShape

Layout = Literal["v0.1", "shared", "merged", "vllm", "own"]
FILE = "models.toml"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One entry of ``models.toml``. None is "not known"."""

    name: str
    """What ``--model`` takes: a Hub id, or a word for a folder that ships with the program."""
    title: str
    folder: str | None = None
    layout: Layout | None = None
    base: str | None = None
    """The Hub id of the model that heads alone belong to; None for a merged model."""
    heads: int | None = None
    head_layers: int = 1
    head_vocabulary: int | None = None
    """Tokens that the heads guess, where those are not all of the base's."""
    sees_root: bool = False
    """Whether the heads see the token that is certain already."""
    context_tokens: int | None = None
    """As the program can use it: to the end of the first attention window."""
    licence: str | None = None
    template: str | None = None
    """The family of its chat template, for a tokenizer without one of its own."""
    tree: str = "auto"
    """The preset that was searched for these heads, or auto."""
    revision: str | None = None
    """A commit that is better than the main branch: the same tensors, without a pickle."""
    base_revision: str | None = None
    download_bytes: int | None = None
    base_download_bytes: int | None = None
    gated: bool = False
    """The Hub asks for a licence to be accepted, of this repository or of its base's."""
    note: str | None = None
    shape: ModelShape | None = None
    """The base's."""
    aliases: tuple[str, ...] = ()

    @property
    def local_folder(self) -> Path | None:
        """Where the model lies when it ships with the program."""
        return None if self.folder is None else paths.shipped(self.folder)

    @property
    def head_shape(self) -> HeadShape | None:
        """What decides how many weights its heads have."""
        if self.heads is None:
            return None
        own_output = self.layout != "shared"
        vocabulary = self.head_vocabulary
        return HeadShape(self.heads, self.head_layers, own_output, vocabulary, self.sees_root)

    @property
    def parameters(self) -> int | None:
        """Weights of the base."""
        return None if self.shape is None else self.shape.parameters

    @property
    def head_parameters(self) -> int | None:
        """Weights of the heads."""
        if self.shape is None or self.head_shape is None:
            return None
        return self.head_shape.parameters(self.shape)


@dataclass(frozen=True, slots=True)
class Registry:
    """All known models, those that ship first, and what is wrong with the user's own file."""

    models: tuple[KnownModel, ...]
    notices: tuple[str, ...] = ()

    def find(self, name: str) -> KnownModel | None:
        """Return the model of this name or alias, ``@revision`` aside; None for any other."""
        name = hub_name(name).partition("@")[0]
        for model in self.models:
            if name == model.name or name in model.aliases:
                return model
        return None


def registry() -> Registry:
    """Return what is known now. A user's file that is wrong is left out, with a notice."""
    file = paths.config_dir() / FILE
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        return Registry(_shipped())
    return _with_own(file, changed)


def known_models() -> tuple[KnownModel, ...]:
    """Return all entries, in the file's order."""
    return registry().models


def find(name: str) -> KnownModel | None:
    """Return the model called ``name``, or whose alias that is; None for any other."""
    return registry().find(name)


def read(file: Path, known: Iterable[KnownModel] = ()) -> tuple[KnownModel, ...]:
    """Return ``known`` with the entries of ``file`` merged into them.

    Raises UsageError, naming the file, the entry and the field, for one that breaks the schema.
    """
    models = {model.name: model for model in known}
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read as TOML: {error}.") from error
    entries = table.get("model", [])
    if set(table) - {"model"} or not isinstance(entries, list):
        raise UsageError(f"{file} may hold [[model]] entries only.")
    seen: set[str] = set()
    for number, entry in enumerate(entries, 1):
        where = f"{file}, entry {number}"
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            where += f" ({entry['name']})"
        model = _model(entry, models, where)
        if model.name in seen:
            raise UsageError(f"{where}: field name: there is a second entry of that name.")
        seen.add(model.name)
        models[model.name] = model
    _check_names(models.values(), file)
    return tuple(models.values())


@cache
def _shipped() -> tuple[KnownModel, ...]:
    return read(paths.shipped(FILE))


@lru_cache(maxsize=1)
def _with_own(file: Path, _changed: int) -> Registry:
    """Return all models; an edited file, which is another one by its time, is read again."""
    try:
        return Registry(read(file, _shipped()))
    except MedusaChatError as error:
        return Registry(_shipped(), (f"Your own list of models is left out: {error}",))


def _model(entry: object, known: Mapping[str, KnownModel], where: str) -> KnownModel:
    if not isinstance(entry, dict):
        raise UsageError(f"{where}: not a table of fields.")
    values = _checked(entry, KnownModel, where)
    name = values.get("name")
    if name is None:
        raise UsageError(f"{where}: field name is missing.")
    if name in known:
        return dataclasses.replace(known[name], **values)
    if "title" not in values:
        raise UsageError(f"{where}: field title is missing.")
    model = KnownModel(**values)
    if model.folder is None and not is_hub_id(model.name):
        raise UsageError(f"{where}: field name: {model.name!r} is no Hub id (owner/name).")
    return model


def _checked(entry: Mapping[str, Any], kind: type, where: str) -> dict[str, Any]:
    """Return the entry's values, lists as tuples and a shape as what it is. Raises UsageError."""
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for field, value in entry.items():
        if field not in hints:
            raise UsageError(f"{where}: field {field} is not known: {', '.join(hints)}.")
        if field == "shape" and isinstance(value, dict):
            shape = _checked(value, ModelShape, f"{where}: field shape")
            missing = _required(ModelShape) - shape.keys()
            if missing:
                raise UsageError(f"{where}: field shape: {min(missing)} is missing.")
            values[field] = ModelShape(**shape)
            continue
        value = tuple(value) if isinstance(value, list) else value
        words = _mismatch(value, hints[field])
        if words:
            raise UsageError(f"{where}: field {field} is {value!r}: it has to be {words}.")
        values[field] = value
    return values


def _mismatch(value: object, hint: Any) -> str | None:
    """Return in words what a field's value ought to be; None if it is."""
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    if typing.get_origin(hint) is tuple:
        fits = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
        return None if fits else "a list of texts"
    if typing.get_origin(hint) is Literal:
        return None if value in kinds else f"one of {', '.join(kinds)}"
    if kinds:
        return _mismatch(value, kinds[0])
    if hint is int:
        # Python calls True an int as well.
        return None if type(value) is int and value >= 0 else "a whole number, 0 or more"
    words = {str: "a text", bool: "true or false"}.get(hint, "a table")
    return None if isinstance(value, hint) else words


def _required(kind: Any) -> set[str]:
    return {
        field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING
    }


def _check_names(models: Iterable[KnownModel], file: Path) -> None:
    owners: dict[str, str] = {}
    for model in models:
        for name in (model.name, *model.aliases):
            other = owners.setdefault(name, model.name)
            if other != model.name:
                raise UsageError(
                    f"{file}: {name} is a name or alias of both {other} and {model.name}."
                )
