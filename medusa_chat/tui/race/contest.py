"""A race while it is run: one side after the other, by one engine. Knows no screen."""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import Bursts, Failed, Finished, Loading, Started
from medusa_chat.tui import words
from medusa_chat.tui.attachments import split
from medusa_chat.tui.link import Fetching, Unavailable
from medusa_chat.tui.race.recording import Recorder
from medusa_chat.tui.race.result import RaceResult

if TYPE_CHECKING:
    from medusa_chat.conversation.chat import Chat
    from medusa_chat.decoding.stats import Mode
    from medusa_chat.engine.protocol import ChatMessage
    from medusa_chat.settings import DecodeSettings
    from medusa_chat.tui.link import EngineLink, News
    from medusa_chat.tui.race.recording import Recording

State = Literal["warming up", "running", "over", "stopped", "failed"]

ORDERS: tuple[tuple[Mode, Mode], ...] = (("plain", "medusa"), ("medusa", "plain"))
"""They take turns: the second side finds a machine that is a little warmer, or a little hotter."""

_REPLACED = "The model was loaded anew, so the race is over."


@dataclass(frozen=True, slots=True)
class Subject:
    """What is raced."""

    chat: Chat
    prompt: int | None
    """The id of the prompt in the chat; None for one that stands in no chat yet."""
    text: str
    messages: tuple[ChatMessage, ...]
    is_in_prompt: bool = False
    """Whether the user has written it, and not sent it."""

    @property
    def words(self) -> str:
        """What was written, without the files that go along."""
        return split(self.text)[0]


class Contest:
    """Asks the engine for both sides, and records them."""

    def __init__(
        self, link: EngineLink, subject: Subject, settings: DecodeSettings, order: tuple[Mode, Mode]
    ) -> None:
        """Prepare a race; an engine that is free is asked by ``begin``."""
        assert link.loaded is not None
        self.subject = subject
        self.order = order
        self.loaded = link.loaded
        self.state: State = "warming up"
        self.failure = ""
        self.recordings: dict[Mode, Recording] = {}
        self.result: RaceResult | None = None
        self._link = link
        seed = secrets.randbits(32) if settings.seed is None else settings.seed
        self._settings = dataclasses.replace(settings, seed=seed)
        self._reply_id: int | None = None
        self.recorder = self._recorder()

    @property
    def side(self) -> Mode:
        """The side whose turn it is, or was last."""
        return self.order[min(len(self.recordings), 1)]

    @property
    def is_running(self) -> bool:
        """Whether the engine is busy with it."""
        return self.state in ("warming up", "running")

    def begin(self) -> None:
        """Have the next side decoded."""
        self.state = "warming up"
        self.recorder = self._recorder()
        settings = self.recorder.settings
        self._reply_id = self._link.ask(self.subject.messages, settings, measured=True)

    def stop(self) -> None:
        """Have the engine stop; what was measured of half a race is dropped."""
        if self.is_running and self._reply_id is not None:
            self._link.cancel(self._reply_id)
            self.state = "stopped"

    def kept_as(self, prompt: int) -> Subject:
        """Take note that the prompt stands in the chat now."""
        self.subject = dataclasses.replace(self.subject, prompt=prompt)
        return self.subject

    def take(self, event: News) -> bool:
        """Take in what the engine said; False when that is not of this race alone."""
        match event:
            case Started() | Bursts() | Finished() | Failed() if (
                event.reply_id is not None and event.reply_id == self._reply_id
            ):
                if self.is_running:
                    self._follow(event)
                return True
            case Failed(reply_id=None) | Ended():
                self._fail(words.failed(event))
            case Loading() | Fetching() | Unavailable():
                self._fail(_REPLACED)
        return False

    def _follow(self, event: Started | Bursts | Finished | Failed) -> None:
        match event:
            case Started():
                self.recorder.start(event)
                self.state = "running"
            case Bursts():
                self.recorder.extend(event)
            case Finished(stop_reason="cancelled"):
                self.state = "stopped"
            case Finished():
                self.recordings[self.side] = self.recorder.finish(event)
                self._go_on()
            case Failed():
                self._fail(words.failed(event))

    def _go_on(self) -> None:
        if len(self.recordings) < len(self.order):
            self.begin()
            return
        self.state = "over"
        self.result = RaceResult(
            self.subject.words,
            self.loaded,
            self.recordings["plain"],
            self.recordings["medusa"],
            self.order[0],
            datetime.now(UTC),
        )

    def _fail(self, message: str) -> None:
        if self.is_running:
            self.state, self.failure = "failed", message

    def _recorder(self) -> Recorder:
        return Recorder(dataclasses.replace(self._settings, medusa=self.side == "medusa"))
