"""What the engine tells of steps: their trees in words, of the last replies alone."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import torch
from command_line import environment
from golden_data import GOLDEN

from medusa_chat.decoding.acceptance import Draft
from medusa_chat.decoding.step_record import KeptDraft, StepLog, StepRecord
from medusa_chat.decoding.tree import Tree
from medusa_chat.engine.kept_steps import KeptSteps
from medusa_chat.engine.protocol import (
    Bursts,
    Cancel,
    ChatMessage,
    Event,
    Finished,
    Generate,
    Load,
    Loaded,
    RecordedSteps,
    Request,
    Started,
    Steps,
    decode,
    encode,
)
from medusa_chat.settings import DecodeSettings, ModelSettings

HEADS = str(GOLDEN / "medusa/models/tiny-llama-heads-v01")
LONG = DecodeSettings(temperature=0, max_new_tokens=480, ignore_eos=True)
SOURCES = torch.tensor([0, 2, 3, 1])


def log(steps: int, most_steps: int = 99) -> StepLog:
    made = StepLog(most_steps)
    for _ in range(steps):
        tree = Tree.from_paths([(0,), (1,), (0, 0)])
        draft = Draft(tree, torch.tensor([5, 6, 7, 8]), SOURCES, [0.5, 0.25, 0.125])
        made.add(StepRecord(KeptDraft(draft), [0, 1], 9, 0.25))
    return made


def test_a_step_is_told_in_texts_and_letters() -> None:
    kept = KeptSteps(lambda token: f"<{token}>")
    kept.keep(1, log(3))
    told = kept.tell(Steps(1, 1, 1))
    assert (told.is_known, told.count, told.gone, told.known, told.first) == (True, 3, 0, 0, 1)
    assert told.accepted == (2, 2, 2)
    assert told.depths == (2, 2, 2)
    (step,) = told.steps
    assert step.parents == (0, 0, 0, 1)
    assert step.texts == ("<5>", "<6>", "<7>", "<8>")
    assert step.sources == "RHBL"
    assert step.weights == (1.0, 0.5, 0.25, 0.125)
    assert (step.accepted, step.next_text, step.seconds) == ((0, 1), "<9>", 0.25)
    assert decode(encode(told)) == told


def test_outcomes_that_are_known_are_not_told_again() -> None:
    kept = KeptSteps(str)
    kept.keep(1, log(5))
    told = kept.tell(Steps(1, 0, 0, known=3))
    assert (told.count, told.known, len(told.accepted), told.steps) == (5, 3, 2, ())


def test_steps_that_are_gone_are_told_as_gone() -> None:
    kept = KeptSteps(str)
    kept.keep(1, log(5, most_steps=2))
    told = kept.tell(Steps(1, 0, 4))
    assert (told.count, told.gone, told.known, told.first) == (5, 3, 3, 3)
    assert len(told.accepted) == len(told.steps) == 2


def test_the_oldest_replies_are_dropped() -> None:
    kept = KeptSteps(str, most_replies=2)
    for reply_id in (1, 2, 3):
        kept.keep(reply_id, log(1))
    assert [kept.tell(Steps(one, 0, 1)).is_known for one in (1, 2, 3, 4)] == [
        False,
        True,
        True,
        False,
    ]


def test_replies_are_dropped_for_their_steps_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa_chat.engine.kept_steps._MOST_STEPS", 10)
    kept = KeptSteps(str)
    for reply_id in (1, 2, 3):
        kept.keep(reply_id, log(6))
    assert [kept.tell(Steps(one, 0, 1)).is_known for one in (1, 2, 3)] == [False, False, True]


class Server:
    """The engine as a process, with the golden model."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._requests, self._events = process.stdin, process.stdout

    def send(self, request: Request) -> None:
        self._requests.write(encode(request))
        self._requests.flush()

    def until(self, kind: type) -> list[Event]:
        events: list[Event] = []
        while not (events and isinstance(events[-1], kind)):
            event = decode(self._events.readline())
            assert isinstance(event, Event)
            events.append(event)
        return events


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    command = (sys.executable, "-m", "medusa_chat.engine")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as process:
        # Nothing that goes wrong may hang the tests.
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        try:
            made = Server(process)
            made.send(Steps(1, 0, 1))
            made.send(Load(ModelSettings(HEADS)))
            told, *_, loaded = made.until(Loaded)
            assert told == RecordedSteps(1, is_known=False)
            assert isinstance(loaded, Loaded)
            yield made
        finally:
            watchdog.cancel()
            process.kill()


def test_a_finished_reply_is_told_of(server: Server) -> None:
    short = DecodeSettings(temperature=0, max_new_tokens=30, ignore_eos=True)
    server.send(Generate(3, (ChatMessage("user", "Hello"),), short))
    *before, finished = server.until(Finished)
    assert isinstance(finished, Finished)
    server.send(Steps(3, 0, 99))
    told = server.until(RecordedSteps)[-1]
    assert isinstance(told, RecordedSteps)
    assert told.count == len(told.steps) == finished.figures.passes
    bursts = [event for event in before if isinstance(event, Bursts)]
    text = "".join(piece.text for event in bursts for piece in event.pieces)
    accepted = [step.texts[node] for step in told.steps for node in step.accepted]
    assert "</s>" in accepted  # a token without text is told by its name
    shown = "".join(one for one in accepted if one not in ("<s>", "</s>"))
    # The last burst may hold tokens that no step has checked.
    assert shown.lstrip().startswith(text.lstrip()[:40])


def test_a_reply_under_way_is_told_of_before_it_ends(server: Server) -> None:
    server.send(Generate(4, (ChatMessage("user", "Hello"),), LONG))
    server.until(Started)
    server.until(Bursts)
    server.send(Steps(4, 0, 2))
    seen = server.until(RecordedSteps)
    told = seen[-1]
    assert isinstance(told, RecordedSteps)
    assert told.is_known
    assert not any(isinstance(event, Finished) for event in seen)
    server.send(Cancel(4))
    server.until(Finished)
