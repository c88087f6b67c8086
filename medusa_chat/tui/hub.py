"""The Hugging Face Hub and its cache, as the interface uses them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from medusa_chat import quantities
from medusa_chat.errors import MedusaChatError
from medusa_chat.models.device_memory import DeviceMemory, device_memory
from medusa_chat.tui.supply import Catalog

if TYPE_CHECKING:
    from medusa_chat.library.catalog import Entry
    from medusa_chat.models.hub.plan import Plan
    from medusa_chat.settings import ModelSettings
    from medusa_chat.tui.downloads import Download
    from medusa_chat.tui.supply import Removal


class ModelHub:
    """The usual ``supply.Hub``. What it imports is heavy, so that is done in its methods."""

    def __init__(self) -> None:
        self._memory: DeviceMemory | None = None

    def is_here(self, settings: ModelSettings) -> bool:
        """Tell, without a network, whether all that loading takes is on this machine."""
        from medusa_chat.library.fetching import missing_repository

        try:
            return missing_repository(settings) is None
        except MedusaChatError:
            return True  # what is wrong with it, loading says

    def plan(self, settings: ModelSettings) -> Plan:
        """Ask the Hub what is to be downloaded. Raises HubError."""
        from medusa_chat.library.fetching import missing_repository, plan_missing

        return plan_missing(settings, missing_repository(settings) or settings.model)

    def download(self, plan: Plan) -> Download:
        """Return the download of a plan, not begun."""
        from medusa_chat.models.hub.download import Download

        return Download(plan)

    def describe(self, plan: Plan) -> str:
        """Say in a few lines what a plan brings, its size, and what room there is, in both senses.

        Raises HubError.
        """
        from medusa_chat.library.catalog import Machine, entry_of
        from medusa_chat.library.fetching import describe
        from medusa_chat.library.remote import remote_entry

        machine = Machine(self._memory or device_memory())
        entry = entry_of(plan.model, machine)
        if entry is None or not entry.choices:
            bases = [str(part.reference) for part in plan.repositories[1:]]
            entry = remote_entry(plan.model, machine, *bases)
        return "\n".join(("From the Hub:", *describe(plan), *_fit(entry)))

    def catalog(self, in_use_bytes: int = 0) -> Catalog:
        """Return all models, without a network.

        ``in_use_bytes`` come free when another model is loaded.
        """
        from medusa_chat.library.catalog import Machine, entries
        from medusa_chat.models.registry import registry

        memory = device_memory()
        if memory is not None:
            free = min(memory.total_bytes, memory.free_bytes + in_use_bytes)
            memory = replace(memory, free_bytes=free)
        self._memory = memory
        return Catalog(
            entries(Machine(memory)),
            _machine(memory),
            has_gpu=memory is not None and memory.kind == "cuda",
            notices=registry().notices,
        )

    def unlisted(self, name: str) -> Entry | None:
        """Return a row for a model that is not listed; None where ``name`` can be none."""
        from medusa_chat.library.catalog import Machine, entry_of

        return entry_of(name, Machine(self._memory)) if "/" in name else None

    def removal(self, name: str) -> Removal:
        """Return what removing a model's files would mean. Raises MedusaChatError."""
        from medusa_chat.library.removal import plan_removal

        return plan_removal(name)

    def licence_page(self, repository: str) -> str:
        """Return the page on which a licence can be read and accepted."""
        from medusa_chat.models.hub.account import licence_page

        return licence_page(repository)

    def save_token(self, token: str) -> str:
        """Have the Hub check a token, keep it, and return its account. Raises HubError."""
        from medusa_chat.models.hub.account import save_token

        return save_token(token)


def _fit(entry: Entry) -> list[str]:
    if not entry.choices or entry.choices[0].verdict is None:
        return []
    if entry.best is None:
        return ["It does not fit into this machine's memory, in whatever precision."]
    verdict = "It fits into" if entry.best.verdict == "fits" else "It needs nearly all of"
    return [f"{verdict} this machine's memory in {entry.best.bits} bits."]


def _machine(memory: DeviceMemory | None) -> str:
    if memory is None:
        return "this machine's memory is not known"
    free, total = quantities.size(memory.free_bytes), quantities.size(memory.total_bytes)
    return f"{memory.name}: {free} of {total} of memory free for a model"
