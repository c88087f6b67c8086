"""The chat: joins the user, the conversation, the engine, and what is on the screen."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import Horizontal, Vertical

from medusa_chat.configuration.fields import BY_NAME
from medusa_chat.errors import MedusaChatError
from medusa_chat.settings import SamplingDefaults
from medusa_chat.tui import words
from medusa_chat.tui.commands import CHAT_COMMANDS, bindings
from medusa_chat.tui.comparison import Comparison, keep
from medusa_chat.tui.dialogue import Dialogue
from medusa_chat.tui.link import Fetching, Unavailable
from medusa_chat.tui.messages import ModelLoaded, ModelUnavailable
from medusa_chat.tui.meter import Meter, Readings
from medusa_chat.tui.reply_record import context_tokens_of
from medusa_chat.tui.screens.history import HistoryScreen
from medusa_chat.tui.screens.inspecting import InspectingScreen
from medusa_chat.tui.screens.racing import RacingScreen
from medusa_chat.tui.screens.restarting import RestartingScreen
from medusa_chat.tui.slash import choice
from medusa_chat.tui.widgets.gauges import GaugeLine, Gauges
from medusa_chat.tui.widgets.header import Header
from medusa_chat.tui.widgets.key_hints import KeyHints
from medusa_chat.tui.widgets.prompt import Prompt
from medusa_chat.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.worker import WorkType

    from medusa_chat.conversation.chat import Chat
    from medusa_chat.conversation.conversation import ChatSummary
    from medusa_chat.conversation.store import Store
    from medusa_chat.decoding.stats import Figures
    from medusa_chat.engine.protocol import Bursts, Failed, Finished, Loaded, Started
    from medusa_chat.models.hub.progress import Progress
    from medusa_chat.settings import DecodeSettings, ModelSettings
    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.link import EngineLink, News
    from medusa_chat.tui.opening import Opening
    from medusa_chat.tui.preferences import Preferences
    from medusa_chat.tui.widgets.notice import Kind

_LOG = logging.getLogger(__name__)

# A frame in which the transcript scrolls composes the whole screen: 15 ms on a small machine.
_FRAME_SECONDS = 1 / 20
# Figures that change faster than they can be read only make the screen restless.
_GAUGE_SECONDS = 1 / 5
_RECENT_CHATS = 20
_WIDE_COLUMNS = 70


class ChatScreen(HistoryScreen, RacingScreen, InspectingScreen, RestartingScreen):
    """One chat at a time, with the engine that answers in it."""

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (_WIDE_COLUMNS, "-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = bindings(CHAT_COMMANDS)

    def __init__(
        self,
        link: EngineLink,
        decode: DecodeSettings,
        log_file: Path | None,
        store: Store,
        opening: Opening,
        preferences: Preferences,
    ) -> None:
        super().__init__()
        self._link = link
        self._session = decode
        self._preferences = preferences
        self._log_file = log_file
        self._store = store
        self._opening = opening
        self._dialogue = Dialogue(store.new_chat(), link)
        self._told: MedusaChatError | None = None
        self._said: set[tuple[str, str]] = set()
        """What was said about models, by their names."""
        self._meter = Meter()
        self._comparison = Comparison()
        self._readings: Readings | None = None
        self._header = Header()
        self._transcript = Transcript()
        self._transcript.burst_view = cast("BurstView", preferences.marks)
        self._prompt = Prompt(self)
        self._gauge_line = GaugeLine()
        self._gauges = Gauges()

    def compose(self) -> ComposeResult:
        """Lay out the chat."""
        # As Textual would behind the first frame, which then would have to be styled again.
        self.add_class("-narrow" if self.app.size.width < _WIDE_COLUMNS else "-wide")
        yield self._header
        with Horizontal(id="body"):
            with Vertical(id="talk"):
                yield self._transcript
                yield self._gauge_line
                yield self._prompt.suggestions
                yield self._prompt
            yield self._gauges
        yield KeyHints()

    def on_mount(self) -> None:
        """Begin a chat, and start the engine once the first frame is on the screen."""
        self._show_path()
        self._open()
        self._show_state()
        self._show_gauges()
        self.set_interval(_FRAME_SECONDS, self._draw)
        self.set_interval(_GAUGE_SECONDS, self._show_gauges)
        self.call_after_refresh(self._run_engine)

    def on_unmount(self) -> None:
        """Keep what came of a reply that is still being written."""
        self._dialogue.leave()
        self._store.close()

    # What the user does ------------------------------------------------------------------------

    async def action_stop(self) -> None:
        """Stop the reply and keep its text; before there is a model, stop loading it."""
        self.clear_selection()
        if self._prompt.close_suggestions():
            return
        if self._leave_revising():
            return
        if self._dialogue.stop():
            self._show_stopping()
        elif (given_up := await self._link.abandon()) is not None:
            self._transcript.say(words.abandoned(given_up))
            self._show_state()

    def action_toggle_medusa(self, wanted: str = "") -> None:
        """Turn Medusa on or off for the next reply, or the way that is ``wanted``."""
        if self._plain_reason is not None:
            self._transcript.say(f"Medusa cannot be turned on: {self._plain_reason}")
            return
        on = choice("/medusa", wanted, ("on", "off")) == "on" if wanted else not self._medusa_on
        self.set_value(BY_NAME["medusa"], on)

    def action_new_chat(self) -> None:
        """Leave this chat, which is kept, and begin a new one."""
        self._enter(self._store.new_chat())

    async def load(self, settings: ModelSettings) -> None:
        """Load a model in place of the one in use, whose memory is given back first."""
        if self.is_answering:
            self._end_reply("cancelled")
        self._comparison = Comparison()
        await self._link.renew(settings)
        self._look_at_context()
        self._show_state()
        self._run_engine()

    def action_model_sampling(self) -> None:
        """Draw tokens as the model's authors would."""
        defaults = self._link.loaded.defaults if self._link.loaded else SamplingDefaults()
        given = {name: value for name, value in asdict(defaults).items() if value is not None}
        if given:
            self._preferences.set_for_chat(self._dialogue.chat, **given)
        self._transcript.say(words.sampling_taken(given))

    def say(self, text: str, kind: Kind = "note") -> None:
        """Put what the program has to say at the end of the transcript."""
        self._transcript.say(text, kind)

    def show_downloads(self, running: Sequence[Progress]) -> None:
        """Show how far the downloads are."""
        self._header.show_downloads(running)

    @property
    def selected_prompt(self) -> str:
        """The text selected in the prompt; empty without a selection."""
        return self._prompt.selected_text

    @property
    def is_answering(self) -> bool:
        """Whether a reply is being written."""
        return self._dialogue.answer is not None

    def recent_chats(self) -> list[ChatSummary]:
        """Return earlier chats, the latest first."""
        try:
            return self._store.chats(limit=_RECENT_CHATS)
        except MedusaChatError as error:
            self._say_error(str(error))
            return []

    # What the engine says ----------------------------------------------------------------------

    def _run_engine(self) -> None:
        work: WorkType[None] = self._link.run
        self.run_worker(work, name="engine", exclusive=True)

    def _draw(self) -> None:
        """Take in what came since the last frame, and draw it once."""
        for event in self._link.take():
            if not self._is_of_race(event):
                self._on_event(event)
            self._answer_next()
        self._transcript.draw()
        self._dialogue.save_if_due()
        failure = self._store.failure
        if failure is not self._told:
            self._told = failure
            if failure is not None:
                self._say_error(words.unsaved(str(failure)))

    def _on_event(self, event: News) -> None:
        from medusa_chat.engine.process import Ended
        from medusa_chat.engine.protocol import Failed, Loaded, Loading

        match event:
            case Loading():
                self._show_state()
            case Fetching(plan):
                self._transcript.say(plan)
                self._show_state()
            case Unavailable(error):
                self._on_down(str(error))
                self.post_message(ModelUnavailable(error))
            case Loaded():
                self._on_loaded(event)
            case Failed(reply_id=None) | Ended():
                self._on_down(words.failed(event))
            case _ if self._dialogue.is_answering(event.reply_id):
                self._on_reply_event(event)
            case _ if self._dialogue.is_summing_up(event.reply_id):
                self._on_summary(event)

    def _on_loaded(self, loaded: Loaded) -> None:
        self._show_state()
        for notice in words.about(loaded, self._decode):
            if (loaded.model, notice) not in self._said:  # when it was loaded before
                self._transcript.say(notice)
                self._said.add((loaded.model, notice))
        self.post_message(ModelLoaded(loaded))

    def _on_reply_event(self, event: Started | Bursts | Finished | Failed) -> None:
        from medusa_chat.engine.protocol import Bursts, Failed, Finished, Started

        match event:
            case Started():
                assert self._link.loaded is not None
                self._dialogue.start(event, self._link.loaded)
                self._name_reply()
                self._transcript.number_reply(event.reply_id)
                self._meter.start(event)
            case Bursts(pieces=pieces):
                self._dialogue.extend(event)
                self._meter.extend(event)
                self._transcript.extend_reply(pieces)
                if not self._dialogue.answering.stopping:
                    self._transcript.show_reply_status("")
            case Finished(stop_reason=stop_reason, figures=figures):
                self._meter.finish(figures, self._link.loaded)
                self._end_reply(stop_reason, figures)
                if stop_reason == "context":
                    self._transcript.say_after_reply(words.context_full(), "note")
            case Failed() if self._holds(event):
                pass
            case Failed(context_full=context_full):
                self._end_reply("failed")
                self._may_restart = not context_full
                _LOG.error("a reply failed: %s", event.message)
                # A prompt that does not fit says what to do itself.
                details = "" if context_full else f" {words.details(self._log_file)}"
                self._transcript.say_after_reply(words.failed(event) + details, "error")

    def _on_down(self, message: str) -> None:
        _LOG.error("no engine: %s", message)
        failure = words.engine_down(message, self._log_file)
        if self.is_answering:
            self._end_reply("failed")
            self._transcript.say_after_reply(failure, "error")
        else:
            self._transcript.say(failure, "error")
        self._show_state()

    def _end_reply(self, stop_reason: str, figures: Figures | None = None) -> None:
        answer = self._dialogue.end(stop_reason, figures)
        mode = answer.started.mode if answer.started else None
        if figures is not None and mode is not None:
            self._comparison.add(mode, figures)
            self._keep_speed()
        was_measured = figures is not None or answer.figures.tokens > 0
        line = answer.line if was_measured else ""
        self._transcript.end_reply(words.ending(stop_reason, line, mode))
        if answer.reply is None:
            self._show_path()  # as it was before it should have gone on
        self._show_gauges()

    def _keep_speed(self) -> None:
        """Remember how much Medusa brings with this model, for the list of models."""
        speed = self._comparison.speed(self._link.loaded)
        if speed is not None:
            self.run_worker(keep(speed), group="speed")

    # Between the two ---------------------------------------------------------------------------

    @property
    def _plain_reason(self) -> str | None:
        return self._link.loaded.plain_reason if self._link.loaded else None

    @property
    def _medusa_on(self) -> bool:
        return self._decode.medusa and self._plain_reason is None

    def _answer_next(self) -> None:
        """Have the engine answer the next prompt, once it is free."""
        settings = dataclasses.replace(self._decode, medusa=self._medusa_on)
        answer = self._dialogue.answer_next(settings)
        if answer is not None:
            self._begin_reply(answer)
        self._transcript.show_waiting(words.waiting(self._link.state))

    def _open(self) -> None:
        if self._store.notice is not None:
            self._say_error(self._store.notice)
        if self._opening.continue_last:
            if chats := self.recent_chats():
                self.open_chat(chats[0].id)
            else:
                self.say(words.NO_CHAT_YET)
        if self._opening.question is not None:
            self._ask(self._opening.question)

    def _ask(self, text: str) -> None:
        if not self._edited(text):
            prompt = self._dialogue.ask(text)
            self._transcript.add_prompt(prompt, text, words.waiting(self._link.state))
        self._answer_next()

    def _enter(self, chat: Chat) -> None:
        """Leave the chat that is open, which is kept, and show this one."""
        self._dialogue.leave()
        self._dialogue = Dialogue(chat, self._link)
        self._meter = Meter()
        self._end_editing()
        self._show_path()

    def _show_path(self, choose: int | None = None) -> None:
        super()._show_path(choose)
        self._look_at_context()

    def _look_at_context(self) -> None:
        if not self.is_answering:  # else the reply says it
            self._meter.look_at(context_tokens_of(self._dialogue.chat, self._link.settings.model))

    def _say_error(self, message: str) -> None:
        _LOG.error("%s", message)
        self._transcript.say(f"{message} {words.details(self._log_file)}", "error")

    def _show_state(self) -> None:
        """Show what the engine is doing."""
        link = self._link
        model = link.settings.model
        if link.loaded is not None:
            self._header.show_model(link.loaded)
        elif link.state == "fetching":
            self._header.show_fetching(model)
        elif link.state == "loading":
            self._header.show_loading(model, link.stage, link.fraction)
        else:
            self._header.show_down(model)
        self._header.show_medusa(on=self._medusa_on)
        self._transcript.show_waiting(words.waiting(self._link.state))

    def _show_gauges(self) -> None:
        readings = self._meter.readings(self._link.loaded, self._comparison)
        if readings != self._readings:
            self._readings = readings
            self._gauges.show(readings)
            self._gauge_line.show(readings)
