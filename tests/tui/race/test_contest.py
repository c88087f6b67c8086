"""A race while it is run, with an engine that the test plays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from medusa_chat.decoding.stats import Figures
from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import (
    Bursts,
    ChatMessage,
    Failed,
    Finished,
    Loading,
    Piece,
    Started,
)
from medusa_chat.settings import DecodeSettings
from medusa_chat.tui.race.contest import ORDERS, Contest, Subject

from ..scripted_engine import DEMO
from .races import figures

if TYPE_CHECKING:
    from medusa_chat.conversation.chat import Chat
    from medusa_chat.decoding.stats import Mode, StopReason
    from medusa_chat.tui.link import EngineLink

MESSAGES = (ChatMessage("user", "Hi"),)
SUBJECT = Subject(cast("Chat", None), None, "Hi", MESSAGES)


class Link:
    """Writes down what an engine would be asked."""

    loaded = DEMO

    def __init__(self) -> None:
        self.asked: list[DecodeSettings] = []
        self.cancelled: list[int] = []

    def ask(
        self, messages: tuple[ChatMessage, ...], settings: DecodeSettings, *, measured: bool
    ) -> int:
        assert messages == MESSAGES
        assert measured
        self.asked.append(settings)
        return len(self.asked)

    def cancel(self, reply_id: int) -> None:
        self.cancelled.append(reply_id)


def begun(
    order: tuple[Mode, Mode] = ORDERS[0], settings: DecodeSettings | None = None
) -> tuple[Contest, Link]:
    link = Link()
    contest = Contest(cast("EngineLink", link), SUBJECT, settings or DecodeSettings(seed=9), order)
    contest.begin()
    return contest, link


def state_of(contest: Contest) -> str:
    return contest.state


def run_side(contest: Contest, link: Link, stop_reason: StopReason = "eos") -> None:
    """Play one side to its end."""
    reply_id, medusa = len(link.asked), link.asked[-1].medusa
    assert state_of(contest) == "warming up"
    assert contest.take(Started(reply_id, 9, "medusa" if medusa else "plain", "tree", 5, 4))
    assert state_of(contest) == "running"
    last = figures(2, 1 if medusa else 2, 0.1)
    pieces = (Piece(0, "He", 1), Piece(0 if medusa else 1, "llo", 1))
    assert contest.take(Bursts(reply_id, pieces, last))
    assert contest.take(Finished(reply_id, stop_reason, last))


@pytest.mark.parametrize("order", ORDERS)
def test_both_sides_one_after_the_other(order: tuple[Mode, Mode]) -> None:
    contest, link = begun(order, DecodeSettings(temperature=0.3, max_new_tokens=33))
    assert contest.side == order[0]
    run_side(contest, link)
    assert contest.side == order[1]
    assert len(contest.recordings) == 1
    run_side(contest, link)
    assert state_of(contest) == "over"
    assert [settings.medusa for settings in link.asked] == [mode == "medusa" for mode in order]
    # The same but for that, a seed that was drawn included.
    first, second = (replace(settings, medusa=True) for settings in link.asked)
    assert first == second
    assert (first.temperature, first.max_new_tokens) == (0.3, 33)
    assert first.seed is not None
    assert contest.result is not None
    assert contest.result.first == order[0]
    assert contest.result.plain.mode == "plain"
    assert contest.result.medusa.mode == "medusa"
    assert contest.result.difference is None


def test_a_seed_that_is_set_is_kept() -> None:
    _, link = begun()
    assert link.asked[0].seed == 9


@pytest.mark.parametrize("sides", [0, 1])
def test_stopped_before_both_are_whole(sides: int) -> None:
    contest, link = begun()
    for _ in range(sides):
        run_side(contest, link)
    reply_id = len(link.asked)
    contest.stop()
    assert link.cancelled == [reply_id]
    assert state_of(contest) == "stopped"
    # What the engine had said by then is the race's, and changes nothing.
    assert contest.take(Started(reply_id, 9, "plain", "tree", 5, 4))
    assert contest.take(Finished(reply_id, "eos", Figures()))
    assert state_of(contest) == "stopped"
    assert contest.result is None
    assert len(link.asked) == sides + 1
    contest.stop()
    assert link.cancelled == [reply_id]


def test_cancelled_by_the_engine() -> None:
    contest, _ = begun()
    contest.take(Finished(1, "cancelled", Figures()))
    assert state_of(contest) == "stopped"


def test_events_of_others_are_left_to_them() -> None:
    contest, _ = begun()
    for event in (Started(7, 1, "plain", "", 1, 0), Failed(8, "x"), Finished(9, "eos", Figures())):
        assert not contest.take(event)
    assert state_of(contest) == "warming up"


@pytest.mark.parametrize(
    ("event", "taken", "words"),
    [
        (Failed(1, "The prompt has 9 tokens."), True, "9 tokens"),
        (Failed(None, "No memory."), False, "No memory."),
        (Ended(-9), False, "SIGKILL"),
        (Loading("reading the weights"), False, "loaded anew"),
    ],
)
def test_failures(event: Failed | Ended | Loading, *, taken: bool, words: str) -> None:
    contest, _ = begun()
    assert contest.take(event) is taken
    assert state_of(contest) == "failed"
    assert words in contest.failure


def test_nothing_fails_a_race_that_is_over() -> None:
    contest, link = begun()
    run_side(contest, link)
    run_side(contest, link)
    contest.take(Ended(-9))
    assert state_of(contest) == "over"
    assert contest.result is not None


def test_a_prompt_that_came_to_stand_in_the_chat() -> None:
    contest, _ = begun()
    assert contest.kept_as(5).prompt == 5
    assert contest.subject.text == "Hi"
