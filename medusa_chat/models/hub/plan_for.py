"""From a model's name to all that has to be fetched for it: its own files, and its base's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medusa_chat.errors import ModelError
from medusa_chat.models.hub.listing import Listing, list_repository, needs_base, read_config
from medusa_chat.models.hub.plan import Plan
from medusa_chat.models.hub.reference import is_hub_id, parse

BASE_KEY = "base_model_name_or_path"


def make_plan(model: str, base: str | None = None) -> Plan:
    """Return what is to be fetched before ``model`` can be loaded.

    ``model`` is a Hub id, with ``@revision`` or without. ``base``, a Hub id or a folder, is the
    base of heads where somebody names it; else the heads' own configuration does. Raises HubError,
    ModelError for heads of which no base is known, UsageError for what cannot be a Hub id.
    """
    listing = list_repository(parse(model))
    plan = listing.plan()
    config: dict[str, Any] = {}
    # A gated repository is listed to everybody: only a file tells whether we are let in.
    if listing.gated or base is None or not listing.is_heads_only:
        config = read_config(listing)
    is_heads = needs_base(listing, config)
    if base is None and is_heads:
        base = _named_base(listing, config)
    if base is None or Path(base).expanduser().is_dir():
        return Plan(model, (plan,))
    if not is_hub_id(base):
        raise ModelError(
            f"The base of {model} is said to be {base!r}, which is no folder here and no name on "
            "the Hub: name it with --base-model."
        )
    base_listing = list_repository(parse(base))
    base_plan = base_listing.plan()
    if needs_base(base_listing, read_config(base_listing)):
        raise ModelError(
            f"The base of {model} is said to be {base}, which holds heads alone: name a whole "
            "model with --base-model."
        )
    return Plan(model, (plan, base_plan))


def _named_base(listing: Listing, config: dict[str, Any]) -> str:
    base = config.get(BASE_KEY)
    if not isinstance(base, str) or not base:
        raise ModelError(
            f"The heads in {listing.reference} do not say which model they belong to: name it with "
            "--base-model."
        )
    return base
