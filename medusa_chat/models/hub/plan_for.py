"""From a model's name to all that has to be fetched for it: its own files, and its base's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medusa_chat import paths
from medusa_chat.errors import ModelError
from medusa_chat.models import base_choices
from medusa_chat.models.hub.listing import config_in, list_repository, needs_base, read_config
from medusa_chat.models.hub.plan import Plan, RepositoryPlan
from medusa_chat.models.hub.reference import is_hub_id, parse
from medusa_chat.printable import printable

BASE_KEY = "base_model_name_or_path"


def make_plan(model: str, base: str | None = None) -> Plan:
    """Return what is to be fetched before ``model`` can be loaded.

    ``model`` is a Hub id, with ``@revision`` or without, or the folder of heads whose base is to be
    fetched. ``base``, a Hub id or a folder, is the base of heads where somebody names it; else the
    heads' own configuration does, or somebody has named it once before. Raises HubError, ModelError
    for heads of which no base is known, UsageError for what cannot be a Hub id.
    """
    folder = paths.written(model)
    if paths.is_folder(folder):
        found: tuple[RepositoryPlan, ...] = ()
        base = base or _named_base(model, config_in(folder))
        is_folder = paths.is_folder(paths.written(base)) or (folder / base).is_dir()
    else:
        # Folders of this machine are for its user to name, not for a repository.
        is_folder = base is not None and paths.is_folder(paths.written(base))
        listing = list_repository(parse(model))
        found = (listing.plan(),)
        config: dict[str, Any] = {}
        # A gated repository is listed to everybody: only a file tells whether we are let in.
        if listing.gated or base is None or not listing.is_heads_only:
            config = read_config(listing)
        if base is None and needs_base(listing, config):
            base, is_folder = _named_by_repository(model, config)
    if base is None or is_folder:
        return Plan(model, found)
    return Plan(model, (*found, _base_plan(model, base)))


def _base_plan(model: str, base: str) -> RepositoryPlan:
    if not is_hub_id(base):
        raise ModelError(
            f"The base of {model} is said to be {printable(base)[:200]}, which is no folder here "
            "and no name on the Hub: name it with --base-model."
        )
    listing = list_repository(parse(base))
    plan = listing.plan()
    if needs_base(listing, read_config(listing)):
        raise ModelError(
            f"The base of {model} is said to be {base}, which holds heads alone: name a whole "
            "model with --base-model."
        )
    return plan


def _named_base(model: str, config: dict[str, Any]) -> str:
    base = config.get(BASE_KEY) or base_choices.recall(model)
    if not isinstance(base, str) or not base:
        raise ModelError(
            f"The heads in {model} do not say which model they belong to: name it with "
            "--base-model."
        )
    return base


def _named_by_repository(model: str, config: dict[str, Any]) -> tuple[str, bool]:
    """Return the base that heads of the Hub name, else the user's, and whether it is a folder."""
    named, remembered = config.get(BASE_KEY), base_choices.recall(model)
    if remembered is not None and not (isinstance(named, str) and is_hub_id(named)):
        return remembered, Path(remembered).is_dir()
    return _named_base(model, config), False
