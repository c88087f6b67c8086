"""An engine that does what a test says: the interface cannot tell it from a real one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_chat.decoding.stats import Figures
from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import (
    Bursts,
    Cancel,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Loading,
    Piece,
    Started,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from medusa_chat.decoding.stats import Mode, StopReason
    from medusa_chat.engine.protocol import Event, Request

DEMO = Loaded(
    model="builtin",
    base_model="builtin",
    dtype="float32",
    device="cpu",
    quantization="none",
    context_tokens=2048,
    heads=4,
)

ANSWER = (("Hello", " there,"), (" friend",), (".",))


@dataclass
class ScriptedEngine:
    """Loads at once and answers at once, unless the test holds it back.

    Each reply is ``bursts``: a tuple of token texts per burst.
    """

    loaded: Loaded = DEMO
    bursts: tuple[tuple[str, ...], ...] = ANSWER
    stop_reason: StopReason = "eos"
    load_by_itself: bool = True
    answer_by_itself: bool = True
    load_failure: str | None = None
    deaf: bool = False
    """Whether it ignores being asked to stop."""
    requests: list[Request] = field(default_factory=list)
    closed: bool = False
    _events: asyncio.Queue[Event | Ended] = field(default_factory=asyncio.Queue)

    async def events(self) -> AsyncIterator[Event | Ended]:
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, Ended):
                return

    def send(self, request: Request) -> None:
        self.requests.append(request)
        match request:
            case Load():
                self.emit(Loading("reading the weights"))
                if self.load_failure is not None:
                    self.emit(Failed(None, self.load_failure))
                    self.emit(Ended(1))
                elif self.load_by_itself:
                    self.emit(self.loaded)
            case Generate() if self.answer_by_itself:
                self.start(request)
                self.write(request, self.bursts)
                self.finish(request, self.stop_reason)
            case Cancel(reply_id) if self.generates and self.generates[-1].reply_id == reply_id:
                if not (self.answer_by_itself or self.deaf):
                    self.finish(self.generates[-1], "cancelled")

    async def close(self) -> None:
        self.closed = True
        self.emit(Ended(0))

    @property
    def generates(self) -> list[Generate]:
        return [request for request in self.requests if isinstance(request, Generate)]

    def emit(self, event: Event | Ended) -> None:
        self._events.put_nowait(event)

    def start(self, request: Generate) -> None:
        mode: Mode = "medusa" if request.settings.medusa else "plain"
        tree = "dynamic, 8 nodes" if request.settings.medusa else "root"
        self.emit(Started(request.reply_id, 1234, mode, tree, 20, 0))

    def write(self, request: Generate, bursts: tuple[tuple[str, ...], ...]) -> None:
        pieces = [Piece(index, text, 1) for index, burst in enumerate(bursts) for text in burst]
        self.emit(Bursts(request.reply_id, tuple(pieces), figures_of(bursts, self._rate(request))))

    def finish(self, request: Generate, stop_reason: StopReason = "eos") -> None:
        self.emit(
            Finished(request.reply_id, stop_reason, figures_of(self.bursts, self._rate(request)))
        )

    def _rate(self, request: Generate) -> float:
        return 100.0 if request.settings.medusa else 50.0


def figures_of(bursts: tuple[tuple[str, ...], ...], tokens_per_second: float = 100.0) -> Figures:
    """Return the figures of these bursts at this speed."""
    lengths = [len(burst) for burst in bursts]
    tokens = sum(lengths)
    return Figures(
        prompt_tokens=20,
        tokens=tokens,
        steps=len(lengths),
        passes=len(lengths),
        nodes=8 * len(lengths),
        prefill_seconds=0.1,
        decode_seconds=(tokens - 1) / tokens_per_second,
        first_token_seconds=0.182,
        accepted_counts=tuple(lengths.count(n) for n in range(1, max(lengths, default=0) + 1)),
    )
