"""The models that are known by name: ``models.toml``. Standard library only."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medusa_chat import paths


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One entry of ``models.toml``."""

    name: str
    title: str
    folder: str | None = None
    aliases: tuple[str, ...] = ()

    @property
    def local_folder(self) -> Path | None:
        """Where the model lies when it ships with the program."""
        return None if self.folder is None else paths.shipped(self.folder)


@cache
def known_models() -> tuple[KnownModel, ...]:
    """Return all entries, in the file's order."""
    table = tomllib.loads(paths.shipped("models.toml").read_text("utf-8"))
    return tuple(
        KnownModel(**{**entry, "aliases": tuple(entry.get("aliases", ()))})
        for entry in table["model"]
    )


def find(name: str) -> KnownModel | None:
    """Return the model called ``name``, or whose alias that is; None for any other."""
    for model in known_models():
        if name == model.name or name in model.aliases:
            return model
    return None
