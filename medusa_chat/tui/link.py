"""The engine as the screen sees it: what state it is in, and what it said since the last look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from medusa_chat.engine.process import Ended, Engine
from medusa_chat.engine.protocol import (
    Cancel,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Loading,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from medusa_chat.settings import ModelSettings

State = Literal["loading", "ready", "down"]


class EngineLink:
    """Holds one engine at a time. ``run`` collects its events; ``take`` hands them over."""

    def __init__(self, factory: Callable[[], Engine], settings: ModelSettings) -> None:
        self._factory = factory
        self._settings = settings
        self._engine = factory()
        self._arrived: list[Event | Ended] = []
        self.state: State = "loading"
        self.stage = "starting the engine"
        """What loading is busy with, in words."""
        self.loaded: Loaded | None = None
        """The model in use, while there is one."""
        self.busy: int | None = None
        """The reply that the engine is writing; it takes one at a time."""

    async def run(self) -> None:
        """Start the engine, load the model, and collect events until the engine is gone."""
        engine = self._engine
        engine.send(Load(self._settings))
        async for event in engine.events():
            if engine is self._engine:
                self._arrived.append(event)

    async def renew(self) -> None:
        """End the engine and take a fresh one, which the next ``run`` starts."""
        old, self._engine = self._engine, self._factory()
        self._arrived.clear()
        self.state, self.stage = "loading", "starting the engine"
        self.loaded = self.busy = None
        await old.close()

    async def close(self) -> None:
        """End the engine for good."""
        await self._engine.close()

    def ask(self, request: Generate) -> None:
        """Have a reply written. Only when the engine is ready and not busy."""
        assert self.state == "ready"
        assert self.busy is None
        self.busy = request.reply_id
        self._engine.send(request)

    def cancel(self, reply_id: int) -> None:
        """Have a reply stopped; its Finished follows."""
        self._engine.send(Cancel(reply_id))

    def take(self) -> Iterator[Event | Ended]:
        """Yield the events since the last call, the state moving along with each.

        An engine goes down once: the end of a process that failed to load is no news.
        """
        events, self._arrived = self._arrived, []
        for event in events:
            if not (isinstance(event, Ended) and self.state == "down"):
                self._follow(event)
                yield event

    def _follow(self, event: Event | Ended) -> None:
        match event:
            case Loading(stage):
                self.stage = stage
            case Loaded():
                self.state, self.loaded = "ready", event
            case Failed(reply_id=None) | Ended():
                self.state, self.loaded, self.busy = "down", None, None
            case Finished(reply_id) | Failed(reply_id=reply_id) if reply_id == self.busy:
                self.busy = None
