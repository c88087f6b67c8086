"""The engine as the screen sees it: what state it is in, and what it said since the last look."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Literal

from medusa_chat.engine.process import Ended, Engine
from medusa_chat.engine.protocol import (
    Cancel,
    ChatMessage,
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

    from medusa_chat.settings import DecodeSettings, ModelSettings

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
        self._busy: int | None = None
        self._reply_ids = itertools.count(1)

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
        self.loaded = self._busy = None
        await old.close()

    async def close(self) -> None:
        """End the engine for good."""
        await self._engine.close()

    @property
    def is_free(self) -> bool:
        """Whether the engine can write a reply now; it writes one at a time."""
        return self.state == "ready" and self._busy is None

    def ask(self, messages: tuple[ChatMessage, ...], settings: DecodeSettings) -> int:
        """Have a reply written, by an engine that is free, and return the reply's id."""
        assert self.is_free
        self._busy = next(self._reply_ids)
        self._engine.send(Generate(self._busy, messages, settings))
        return self._busy

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
                self.state, self.loaded, self._busy = "down", None, None
            case Finished(reply_id) | Failed(reply_id=reply_id) if reply_id == self._busy:
                self._busy = None
