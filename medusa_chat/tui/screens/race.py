"""The race on the screen: live, then again side by side, then the result card."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from medusa_chat.conversation.conversation import one_line
from medusa_chat.errors import MedusaChatError
from medusa_chat.printable import printable
from medusa_chat.tui.commands import RACE_COMMANDS
from medusa_chat.tui.race.card import card_of
from medusa_chat.tui.race.files import export_race
from medusa_chat.tui.race.pane import NAMES, RacePane
from medusa_chat.tui.race.recording import arrived
from medusa_chat.tui.race.replay_clock import ReplayClock
from medusa_chat.tui.widgets.key_hints import KeyHints

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from medusa_chat.decoding.stats import Mode
    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.race.card import Card
    from medusa_chat.tui.race.contest import Contest
    from medusa_chat.tui.race.recording import Recording

_FRAME_SECONDS = 1 / 20
_NAME_COLUMNS, _FIGURE_COLUMNS = 14, 18
_AT_END = "Space: again · C: texts · P, M: keep · X: save · Esc"
_FIGURE, _FINE, _WARNING = "$foreground", "$text-success", "$text-warning"
_NOT_YET = "The race is still run. Esc stops it."


class RaceScreen(Screen[bool]):
    """Shows a contest; closes with whether the engine is to be started again.

    Whoever opens it feeds the contest, and hears here what is to be kept.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (70, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012
    OWN_COMMANDS = RACE_COMMANDS
    BINDINGS: ClassVar[list[BindingType]] = [command.binding() for command in RACE_COMMANDS]

    def __init__(
        self,
        contest: Contest,
        keep: Callable[[Recording], str],
        view: BurstView = "bursts",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show ``contest``; ``keep`` takes a side over into the chat, and says so in words.

        Bursts are marked as in the ``view``.
        """
        super().__init__()
        self._contest = contest
        self._keep = keep
        self._now = now
        self._clock: ReplayClock | None = None
        self._shows_card = False
        self._is_over = False
        self._drawn: tuple[ReplayClock, float] | None = None
        """What the replay showed last, to draw it once."""
        self._kept: set[Mode] = set()
        self._heading = Static(id="race-heading")
        modes: tuple[Mode, Mode] = ("plain", "medusa")
        self._panes = {mode: RacePane(mode, view) for mode in modes}
        self._card = Static(id="race-card-text")
        self._status = Static(id="race-status")

    def compose(self) -> ComposeResult:
        """Lay out both sides and the card."""
        yield self._heading
        with Container(id="race-panes"):
            yield from self._panes.values()
        with VerticalScroll(id="race-card"):
            yield self._card
        yield self._status
        yield KeyHints()

    def on_mount(self) -> None:
        """Say what is raced, and begin to draw."""
        text = printable(one_line(self._contest.subject.words))
        self._heading.update(Content.assemble(("Race", "bold"), f"  {text}"))
        self.set_interval(_FRAME_SECONDS, self._draw)
        self._draw()

    def on_resize(self) -> None:
        """Draw the bars anew, as wide as they can be."""
        self._drawn = None

    # What the user does ------------------------------------------------------------------------

    def action_pause(self) -> None:
        """Halt the replay, or go on with it."""
        if (clock := self._replay()) is not None:
            if clock.is_over(self._now()):
                self.action_replay()
            else:
                self._clock = clock.paused(self._now())

    def action_faster(self, steps: int) -> None:
        """Replay faster, or slower where ``steps`` is negative."""
        if (clock := self._replay()) is not None:
            self._clock = clock.faster(self._now(), steps)

    def action_skip(self) -> None:
        """Go to the end of the replay."""
        if (clock := self._replay()) is not None:
            self._clock = clock.at_end(self._now())

    def action_replay(self) -> None:
        """Show the race again from its beginning."""
        if (clock := self._replay()) is not None:
            self._clock = clock.again(self._now())
            self._is_over = False
            self._show_card(shown=False)

    def action_card(self) -> None:
        """Show the card, or the texts where there is no room for both."""
        if self._replay() is not None:
            self._show_card(shown=not self._shows_card)

    def action_keep(self, mode: Mode) -> None:
        """Keep a side as a reply in the chat."""
        if self._replay() is None:
            return
        if mode in self._kept:
            self.notify("It is kept already.", markup=False)
            return
        self._kept.add(mode)
        self.notify(self._keep(self._contest.recordings[mode]), markup=False)

    def action_export(self) -> None:
        """Write the card to files."""
        import platformdirs

        result = self._contest.result
        if result is None:
            self.notify(_NOT_YET, severity="warning", markup=False)
            return
        try:
            paths = export_race(result, Path.cwd(), platformdirs.user_documents_path())
        except (MedusaChatError, OSError) as error:
            self.notify(printable(str(error)), severity="error", markup=False)
        else:
            self.notify(f"Exported to {paths[0]} and {paths[1].name}", timeout=10, markup=False)

    def action_close(self) -> None:
        """Leave; a race that is still run is stopped, and nothing of it is kept."""
        self._contest.stop()
        self.dismiss(False)

    def action_restart(self) -> None:
        """Leave, and have an engine that may hang started again; one that is done goes on."""
        was_running = self._contest.is_running
        self._contest.stop()
        self.dismiss(was_running)

    def _replay(self) -> ReplayClock | None:
        """Return the clock of the replay; before there is one, say so."""
        if self._clock is None:
            self.notify(_NOT_YET, severity="warning", markup=False)
        return self._clock

    # What is shown -----------------------------------------------------------------------------

    def _draw(self) -> None:
        result = self._contest.result
        if result is None:
            self._draw_live()
            return
        now = self._now()
        if self._clock is None:
            self._clock = ReplayClock(result.seconds, since=now)
            self._card.update(_card_content(card_of(result)))
        clock = self._clock
        seconds = clock.seconds(now)
        if self._drawn == (clock, seconds):
            return
        self._drawn = clock, seconds
        for recording in (result.plain, result.medusa):
            self._draw_side(recording, seconds)
        self._status.update(Content(_replay_words(clock, seconds)))
        if clock.is_over(now):
            self._status.update(Content(_AT_END))
            if not self._is_over:
                self._is_over = True
                self._show_card(shown=True)

    def _draw_side(self, recording: Recording, seconds: float) -> None:
        """Show what a side had written by then."""
        pane = self._panes[recording.mode]
        is_whole = seconds >= recording.seconds
        # The last arrival is before the end: an end of text comes without any.
        count = len(recording.arrivals) if is_whole else arrived(recording.arrivals, seconds)
        pane.show(recording.arrivals, count, is_whole=is_whole)
        figures = recording.arrivals[count - 1].figures if count else None
        pane.show_gauges(
            recording.figures if is_whole else figures,
            min(seconds, recording.seconds),
            recording.figures.tokens,
        )
        pane.show_state("at the end" if is_whole else "")

    def _draw_live(self) -> None:
        contest = self._contest
        for mode, pane in self._panes.items():
            recording = contest.recordings.get(mode)
            if recording is not None:
                pane.show(recording.arrivals, len(recording.arrivals), is_whole=True)
                pane.show_gauges(recording.figures, None, recording.figures.tokens)
                pane.show_state("done")
            elif mode == contest.side:
                arrivals = contest.recorder.arrivals
                pane.show(arrivals, len(arrivals), is_whole=False)
                pane.show_gauges(arrivals[-1].figures if arrivals else None, None, 0)
                pane.show_state(contest.state)
            else:
                pane.show_gauges(None, None, 0)
                pane.show_state("waits for its turn")
        self._status.update(Content(_live_words(contest)))

    def _show_card(self, *, shown: bool) -> None:
        self._shows_card = shown
        self.set_class(shown, "-card")
        for pane in self._panes.values():
            self.call_after_refresh(pane.go_to_end)


def _replay_words(clock: ReplayClock, seconds: float) -> str:
    what = "paused at" if clock.is_paused else "replay"
    return f"{what} {seconds:.1f} of {clock.length_seconds:.1f} s · {clock.speed:g}× speed"


def _live_words(contest: Contest) -> str:
    name = NAMES[contest.side]
    turn = "first" if not contest.recordings else "now"
    match contest.state:
        case "failed":
            return f"The race failed. {printable(contest.failure)}"
        case "stopped":
            return "The race was stopped: nothing of it is kept."
        case "warming up":
            return f"{name} {turn}: reading the prompt, warming up · Esc stops"
    return f"{name} {turn}: live · Esc stops"


def _card_content(card: Card) -> Content:
    doubt = [Content.styled(card.doubt, _WARNING)] if card.doubt else []
    lines = [
        Content.styled(card.headline, f"bold {_FINE if card.is_faster else _WARNING}"),
        *doubt,
        Content.styled(f"{'':{_NAME_COLUMNS}}{_cell('plain')}{_cell('Medusa')}", "bold"),
    ]
    for row in card.rows:
        figures = f"{_cell(row.plain)}{_cell(row.medusa)}"
        lines.append(Content.assemble(f"{row.name:{_NAME_COLUMNS}}", (figures, _FIGURE)))
    lines += [
        Content.assemble("Text: ", (card.text, _FINE if card.is_same else _WARNING)),
        Content.assemble("Prompt: ", (card.prefill, _FIGURE)),
        Content(card.conditions),
    ]
    return Content("\n").join(lines)


def _cell(text: str) -> str:
    cut = text if len(text) < _FIGURE_COLUMNS else f"{text[: _FIGURE_COLUMNS - 2]}…"
    return cut.rjust(_FIGURE_COLUMNS)
