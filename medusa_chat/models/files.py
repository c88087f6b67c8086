"""From a model's name to the folders that hold it, on this machine alone. Needs no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from medusa_chat import paths
from medusa_chat.errors import HubError, ModelError
from medusa_chat.models import base_choices, registry
from medusa_chat.models.hub.reference import Reference, hub_name, is_hub_id, parse
from medusa_chat.models.layout import is_heads_only, read_config
from medusa_chat.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where a model lies: its base's folder, and the heads' (the same one when merged)."""

    base: Path
    base_name: str
    heads: Path
    """Where heads are looked for; there may be none."""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """What a user's words for a model mean, wherever its files are."""

    name: str
    """A Hub id, with its revision where one is asked for, or a folder."""
    base: str | None
    """The base of heads, where the user or ``models.toml`` names it."""
    shipped: Path | None = None
    """The folder of a model that comes with the program."""
    notices: tuple[str, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder on this machine, and none of the Hub's."""
        return self.shipped is not None or paths.is_folder(paths.written(self.name))


def source(settings: ModelSettings) -> Source:
    """Return what ``settings.model`` means, by the names that ``models.toml`` knows."""
    asked = hub_name(settings.model)
    own_base = settings.base_model and hub_name(settings.base_model)
    name, _, revision = asked.partition("@")
    known = registry.find(name)
    if known is None:
        return Source(asked, own_base)
    notices: tuple[str, ...] = ()
    if known.name != name:
        notices = (f"{name} is called {known.name} on the Hub: that one is used.",)
    return Source(
        _at(known.name, revision) if revision else preferred(known.name, known.revision),
        own_base or (known.base and preferred(known.base, known.base_revision)),
        known.local_folder,
        notices,
    )


def preferred(name: str, revision: str | None) -> str:
    """Return the model of the Hub called ``name`` at the ``revision`` that is to be preferred.

    Or at the main branch, where that is here and the other is not: the same weights in another
    form are not worth a second download.
    """
    if revision is None:
        return name
    from medusa_chat.models.hub.cache import cached_folder

    pinned = _at(name, revision)
    is_main = cached_folder(parse(pinned)) is None and cached_folder(parse(name)) is not None
    return name if is_main else pinned


def find_files(settings: ModelSettings) -> ModelFiles:
    """Find the files of ``settings.model``, without the network.

    Raises HubError, of the kind "missing", for a model of the Hub that is not in its cache, and
    ModelError for a folder that is not there or says too little.
    """
    wanted = source(settings)
    asked = hub_name(settings.model)
    folder = wanted.shipped or _folder(wanted.name, asked, is_pinned="@" not in asked)
    if settings.base_model is not None:
        base_name = hub_name(settings.base_model)
        base = _folder(base_name, base_name)
    elif is_heads_only(folder):
        base_name = wanted.base or _base_of(folder, wanted.name)
        # Heads in a folder of the user's own are not pulled: their base is, by itself.
        pulled = base_name if wanted.is_folder else asked
        base = _base_folder(folder, base_name, pulled, is_pinned=wanted.base is not None)
    else:
        base, base_name = folder, wanted.name
    return ModelFiles(base, base_name, folder, wanted.notices)


def _folder(name: str, pulled: str, *, is_pinned: bool = False) -> Path:
    """Return the folder called ``name``, or that of the Hub's cache; ``pulled`` would bring it.

    ``is_pinned`` says that ``models.toml``, and not the user, has chosen the revision.
    """
    folder = paths.written(name)
    if paths.is_folder(folder):
        return folder
    if os.path.exists(folder):  # noqa: PTH110  # of a name that is too long, Path.exists raises
        raise ModelError(f"{name} is a file: give a folder or a Hub id (owner/name).")
    if folder.is_absolute() or name.startswith((".", "~")) or not is_hub_id(name):
        raise ModelError(f"{name} does not exist: give a folder or a Hub id (owner/name).")
    return _cached(name, pulled, is_pinned=is_pinned)


def _cached(name: str, pulled: str, *, is_pinned: bool = False) -> Path:
    """Return the folder of the Hub's cache called ``name``. Raises HubError without one."""
    from medusa_chat.models.hub.cache import cached_folder

    cached = cached_folder(parse(name))
    if cached is None and is_pinned:
        # Only better, not needed: the main branch will do where another program has fetched it.
        cached = cached_folder(Reference(parse(name).repository))
    if cached is None:
        raise HubError(
            f"{name} is neither a folder nor in the Hub's cache: "
            f"`medusa-chat models pull {pulled}` fetches it.",
            "missing",
            name,
        )
    return cached


def _base_of(heads_folder: Path, name: str) -> str:
    """Return the base that heads name, or that the user once named for them."""
    from medusa_chat.models.hub.cache import reference_at

    base = read_config(heads_folder).get("base_model_name_or_path")
    # Folders of this machine are for its user to name, not for a repository.
    is_own = reference_at(heads_folder) is None
    if isinstance(base, str) and base and (is_own or is_hub_id(base)):
        return base
    base = base_choices.recall(name)
    if base is None:
        raise ModelError(
            f"The heads in {heads_folder} do not say which model they belong to: "
            "name it with --base-model."
        )
    return base


def _base_folder(heads_folder: Path, base_name: str, pulled: str, *, is_pinned: bool) -> Path:
    """Return the folder of the base that the heads' config names; a relative path is theirs."""
    from medusa_chat.models.hub.cache import reference_at

    if reference_at(heads_folder) is None:
        beside = heads_folder / base_name
        if beside.is_dir():
            return beside.resolve()
    elif base_name == read_config(heads_folder).get("base_model_name_or_path"):
        return _cached(base_name, pulled, is_pinned=is_pinned)
    try:
        return _folder(base_name, pulled, is_pinned=is_pinned)
    except HubError:
        raise
    except ModelError as error:
        raise ModelError(
            f"The base of the heads in {heads_folder} is not here: {error}\n"
            "Another copy of it can be named with --base-model."
        ) from error


def _at(name: str, revision: str | None) -> str:
    return f"{name}@{revision}" if revision else name
