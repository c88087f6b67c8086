"""Removing a model: its own files, its base's too if asked for, and never what others need."""

from __future__ import annotations

from dataclasses import dataclass

from medusa_chat import paths
from medusa_chat.errors import UsageError
from medusa_chat.library.catalog import Entry, entries, entry_of
from medusa_chat.models.hub import cache
from medusa_chat.models.hub import removal as hub_removal
from medusa_chat.models.hub.reference import MAIN, Reference, is_hub_id, parse
from medusa_chat.models.hub.removal import Removal
from medusa_chat.models.registry import registry
from medusa_chat.quantities import size


@dataclass(frozen=True, slots=True)
class ModelRemoval:
    """What removing a model would do. Nothing is done before ``execute``."""

    name: str
    removals: tuple[Removal, ...]
    spared: tuple[str, ...]
    """What stays, and why, in words."""

    @property
    def frees_bytes(self) -> int:
        """Bytes that come free."""
        return sum(removal.frees_bytes for removal in self.removals)

    @property
    def words(self) -> str:
        """All of it in a few lines."""
        parts = [f"{removal.reference} ({size(removal.frees_bytes)})" for removal in self.removals]
        first = f"Removing {' and '.join(parts)} frees {size(self.frees_bytes)}."
        return "\n".join((first, *self.spared))

    def execute(self) -> None:
        """Remove it. Raises HubError when something of it is being fetched, or cannot be."""
        for removal in self.removals:
            removal.execute()


def plan_removal(name: str, *, with_base: bool = False) -> ModelRemoval:
    """Return what removing the model called ``name`` would do.

    A name without a revision means all revisions. Raises UsageError for what is not in the Hub's
    cache by its nature, HubError when nothing of it is there.
    """
    known = registry().find(name)
    _, _, revision = name.partition("@")
    if known is not None and known.folder is not None:
        raise UsageError(f"{name} ships with the program: it cannot be removed.")
    if known is None and not is_hub_id(name):
        kind = "is a folder of your own" if paths.written(name).exists() else "is no Hub id"
        raise UsageError(f"{name} {kind}: only what is in the Hub's cache can be removed.")
    reference = parse(name) if known is None else Reference(known.name, revision or MAIN)
    removals = [hub_removal.plan_removal(reference)]
    spared = [f"{reason}." for reason in removals[0].kept_reasons]
    others = [
        entry
        for entry in entries()
        if entry.state in ("here", "partial") and _repository(entry) != reference.repository
    ]
    needing = _needing(reference.repository, others)
    if needing:
        spared.append(f"{_list(needing)} cannot be used without it.")
    entry = entry_of(name)
    if entry is not None and len(entry.parts) > 1:
        base = entry.parts[1]
        needing = _needing(base.reference.repository, others)
        held = cache.usage_of(base.reference.repository)
        bytes_held = size(held.complete_bytes + held.partial_bytes)
        if base.state == "absent":
            pass
        elif needing:
            spared.append(
                f"Its base {base.reference} ({bytes_held}) is spared: {_list(needing)} "
                f"{'needs' if len(needing) == 1 else 'need'} it."
            )
        elif with_base:
            removals.append(hub_removal.plan_removal(Reference(base.reference.repository)))
        else:
            spared.append(
                f"Its base {base.reference} ({bytes_held}) is spared: `medusa-chat models remove "
                f"{name} --with-base` removes both."
            )
    return ModelRemoval(name, tuple(removals), tuple(spared))


def _needing(base: str, others: list[Entry]) -> list[str]:
    """Return the models in the cache that have ``base`` as theirs."""
    return [
        entry.name
        for entry in others
        if len(entry.parts) > 1
        and entry.parts[0].state != "absent"
        and entry.parts[1].reference.repository == base
    ]


def _repository(entry: Entry) -> str:
    return entry.parts[0].reference.repository


def _list(names: list[str]) -> str:
    return " and ".join(names)
