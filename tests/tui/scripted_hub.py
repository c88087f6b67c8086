"""A Hub that does what a test says, and downloads that go as far as a test lets them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from medusa_chat.errors import HubError, ModelError
from medusa_chat.library.catalog import Entry
from medusa_chat.models.hub.plan import Plan, RemoteFile, RepositoryPlan
from medusa_chat.models.hub.progress import FileProgress, Progress
from medusa_chat.models.hub.reference import Reference, is_hub_id
from medusa_chat.tui.supply import Catalog

if TYPE_CHECKING:
    from medusa_chat.models.hub.progress import State
    from medusa_chat.settings import ModelSettings

MACHINE = "2 cores, 24.0 GB of memory"


class ScriptedDownload:
    """Stands still where the test has put it; ``arrive`` and ``fail`` end it."""

    def __init__(self, plan: Plan) -> None:
        self._moved = threading.Condition()
        self._error: HubError | None = None
        self.runs = 0
        self._progress = Progress(
            plan.model,
            "waiting",
            tuple(
                FileProgress(part.reference.repository, file.name, file.size, 0)
                for part in plan.repositories
                for file in part.files
            ),
        )

    @property
    def progress(self) -> Progress:
        return self._progress

    def run(self) -> None:
        self._move("downloading")
        self.runs += 1  # last: a test that has seen it may move on
        with self._moved:
            self._moved.wait_for(lambda: self._progress.state != "downloading", timeout=60)
        if self._error is not None:
            raise self._error

    def pause(self) -> None:
        self._move("paused")

    def cancel(self) -> None:
        self._move("cancelled")

    def reach(self, part: float, bytes_per_second: float = 30e6) -> None:
        """Have this part of every file."""
        files = tuple(
            replace(file, done_bytes=int(part * file.total_bytes)) for file in self._progress.files
        )
        self._progress = replace(
            self._progress, files=files, bytes_per_second=bytes_per_second, message=""
        )

    def arrive(self) -> None:
        """Have all of it."""
        self.reach(1)
        self._move("done")

    def fail(self, error: HubError) -> None:
        """End with this error."""
        self._error = error
        self._move("failed")

    def _move(self, state: State) -> None:
        with self._moved:
            self._progress = replace(self._progress, state=state)
            self._moved.notify_all()


@dataclass
class ScriptedRemoval:
    words: str
    hub: ScriptedHub
    name: str

    def execute(self) -> None:
        self.hub.removed.append(self.name)
        self.hub.change(self.name, state="remote", bytes_here=0)


@dataclass
class ScriptedHub:
    """Has these entries; a model is here when its entry says so, or when it has none.

    Of those without an entry the ``remote`` ones are not here.
    """

    entries: list[Entry] = field(default_factory=list)
    errors: dict[str, ModelError] = field(default_factory=dict)
    """What asking for a model meets; what is no refusal of the Hub, until its base is named."""
    downloads: dict[str, ScriptedDownload] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    notices: tuple[str, ...] = ()
    remote: frozenset[str] = frozenset()

    def is_here(self, settings: ModelSettings) -> bool:
        entry = self._entry(settings.model)
        if entry is None:
            return settings.model not in self.remote
        return entry.state in ("here", "built in")

    def plan(self, settings: ModelSettings) -> Plan:
        error = self.errors.get(settings.model)
        if error is not None and (isinstance(error, HubError) or settings.base_model is None):
            raise error
        entry = self._entry(settings.model)
        size = (entry.bytes_total if entry else None) or 1_000_000_000
        files = (
            RemoteFile("config.json", 700, "a" * 40),
            RemoteFile("model.safetensors", size - 700, "b" * 64),
        )
        return Plan(
            settings.model, (RepositoryPlan(Reference(settings.model), "c" * 40, files, 0),)
        )

    def download(self, plan: Plan) -> ScriptedDownload:
        download = self.downloads[plan.model] = ScriptedDownload(plan)
        return download

    def describe(self, plan: Plan, settings: ModelSettings) -> str:
        return f"Fetching {plan.model}: {plan.total_bytes} bytes"

    def catalog(self, settings: ModelSettings, in_use_bytes: int = 0) -> Catalog:
        return Catalog(tuple(self.entries), MACHINE, notices=self.notices)

    def unlisted(self, name: str) -> Entry | None:
        return Entry(name, name, "remote", listed=False) if is_hub_id(name) else None

    def removal(self, name: str) -> ScriptedRemoval:
        return ScriptedRemoval(f"Removing {name} frees 16 GB.", self, name)

    def licence_page(self, repository: str) -> str:
        return f"https://hub.test/{repository}"

    def save_token(self, token: str) -> str:
        if token == "wrong":
            raise HubError("The Hub does not know this token.", "unauthorized", "")
        self.tokens.append(token)
        self.errors.clear()
        return "somebody"

    def change(self, name: str, **fields: object) -> None:
        """Have another entry of this name."""
        self.entries = [
            replace(entry, **fields) if entry.name == name else entry  # type: ignore[arg-type]
            for entry in self.entries
        ]

    def arrive(self, name: str) -> None:
        """End a download well: the model is here."""
        self.change(name, state="here")
        self.downloads[name].arrive()

    def _entry(self, name: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.name == name), None)
