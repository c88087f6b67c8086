"""The engine's process: requests on its stdin, events from its stdout, and how it ends."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import environment
from golden_data import GOLDEN

from medusa_chat.engine.protocol import (
    Bursts,
    Cancel,
    ChatMessage,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Loading,
    Request,
    Started,
    decode,
    encode,
)
from medusa_chat.settings import DecodeSettings, ModelSettings

HEADS = str(GOLDEN / "medusa/models/tiny-llama-heads-v01")
SERVER = (sys.executable, "-m", "medusa_chat.engine")
# A server whose libraries print to stdout in all ways there are while a model loads; of how steps
# are run, of which nothing is said on a CPU, it says the penalty.
NOISY = """
import os, subprocess, sys
from medusa_chat.decoding import decoder
from medusa_chat.engine import __main__, local
decoder.launches = lambda _forward, penalty: f"penalty {penalty}"
load = local.load
def noisy_load(*arguments):
    print("noise", flush=True)
    sys.__stdout__.write('{"type": "Loading", "stage": "noise"}\\n')
    os.write(1, b"noise")
    subprocess.run(["echo", "noise"])
    return load(*arguments)
local.load = noisy_load
__main__.main()
"""
LONG = DecodeSettings(temperature=0, max_new_tokens=480, ignore_eos=True)


class Client:
    """The other end of a server's pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.requests, self.events = process.stdin, process.stdout

    def send(self, request: Request) -> None:
        self.requests.write(encode(request))
        self.requests.flush()

    def next(self) -> Event:
        event = decode(self.events.readline())
        assert isinstance(event, Event)
        return event

    def ask(self, reply_id: int, text: str, settings: DecodeSettings) -> None:
        self.send(Generate(reply_id, (ChatMessage("user", text),), settings))

    def until_the_end(self) -> list[Event]:
        """Return the events of one request, its last one included."""
        events = [self.next()]
        while not isinstance(events[-1], Loaded | Finished | Failed):
            events.append(self.next())
        return events


@contextmanager
def serving(*command: str, stderr: int | None = None) -> Iterator[Client]:
    with subprocess.Popen(
        command or SERVER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment(),
    ) as process:
        # Nothing that goes wrong may hang the tests.
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            yield Client(process)
        finally:
            watchdog.cancel()
            process.kill()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Return a server with the golden model, for all tests of this file."""
    with serving(sys.executable, "-c", NOISY) as client:
        client.send(Load(ModelSettings(HEADS)))
        *stages, loaded = client.until_the_end()
        assert isinstance(loaded, Loaded), loaded
        assert loaded.heads == 4
        assert stages
        assert all(isinstance(stage, Loading) and stage.stage != "noise" for stage in stages)
        yield client


def ended(client: Client) -> float:
    """Return after how many seconds the server has ended, of itself and without an error."""
    started = time.monotonic()
    assert client.process.wait(30) == 0
    return time.monotonic() - started


def test_reply(client: Client) -> None:
    client.ask(3, "Hello", DecodeSettings(seed=5, max_new_tokens=40, ignore_eos=True))
    started, *bursts, finished = client.until_the_end()
    assert isinstance(started, Started)
    assert (started.reply_id, started.seed, started.mode) == (3, 5, "medusa")
    assert started.tree == "auto"
    assert isinstance(finished, Finished)
    assert (finished.reply_id, finished.stop_reason) == (3, "length")
    assert 1 <= (finished.figures.nodes_per_step or 0) <= 16
    assert all(isinstance(event, Bursts) and event.reply_id == 3 for event in bursts)
    pieces = [piece for event in bursts if isinstance(event, Bursts) for piece in event.pieces]
    assert sum(piece.tokens for piece in pieces) == finished.figures.tokens == 40
    assert [piece.burst for piece in pieces] == sorted(piece.burst for piece in pieces)
    assert pieces[-1].burst == finished.figures.steps - 1
    last = bursts[-1]
    assert isinstance(last, Bursts)
    assert last.figures == dataclasses.replace(finished.figures, memory_bytes=None)
    assert finished.figures.memory_bytes is None or finished.figures.memory_bytes > 10**7


def test_how_steps_are_run_is_said_of_each_reply(client: Client) -> None:
    for penalty in (1.0, 1.3):
        client.ask(31, "Hello", DecodeSettings(max_new_tokens=2, repetition_penalty=penalty))
        started, *_ = client.until_the_end()
        assert isinstance(started, Started)
        assert started.launches == f"penalty {penalty}"


def test_bursts_come_at_most_sixty_times_a_second(client: Client) -> None:
    client.ask(4, "Hello", LONG)
    began = time.monotonic()
    events = client.until_the_end()
    seconds = time.monotonic() - began
    count = sum(isinstance(event, Bursts) for event in events)
    finished = events[-1]
    assert isinstance(finished, Finished)
    # One for the first token, one for what is left at the end.
    assert count <= seconds * 60 + 2
    assert finished.figures.tokens == 480


def test_cancelled_reply(client: Client) -> None:
    client.ask(5, "Hello", LONG)
    assert isinstance(client.next(), Started)
    assert isinstance(client.next(), Bursts)
    client.send(Cancel(5))
    client.send(Cancel(99))
    finished = client.until_the_end()[-1]
    assert isinstance(finished, Finished)
    assert finished.stop_reason == "cancelled"
    assert 0 < finished.figures.tokens < 480


def test_reply_cancelled_while_another_runs(client: Client) -> None:
    short = DecodeSettings(temperature=0, max_new_tokens=30, ignore_eos=True)
    client.ask(6, "Hello", short)
    client.ask(7, "Hello", LONG)
    client.send(Cancel(7))
    first, second = client.until_the_end()[-1], client.until_the_end()[-1]
    assert isinstance(first, Finished)
    assert isinstance(second, Finished)
    assert (first.reply_id, first.stop_reason, first.figures.tokens) == (6, "length", 30)
    assert (second.reply_id, second.stop_reason) == (7, "cancelled")


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        (" ", LONG, "empty"),
        ("Hello", DecodeSettings(tree="oak"), "oak"),
        ("Hello", DecodeSettings(tree="/nowhere.json"), "nowhere.json"),
    ],
)
def test_request_that_fails(
    text: str, settings: DecodeSettings, words: str, client: Client
) -> None:
    client.ask(8, text, settings)
    (failed,) = client.until_the_end()
    assert isinstance(failed, Failed)
    assert failed.reply_id == 8
    assert words in failed.message
    assert not failed.context_full


def test_measured_replies_begin_alike(client: Client) -> None:
    settings = DecodeSettings(seed=5, max_new_tokens=40, ignore_eos=True, tree="dynamic")
    figures = []
    for reply_id, medusa in ((91, True), (92, False), (93, True)):
        messages = (ChatMessage("user", "Hello, you there, hello!"),)
        one = dataclasses.replace(settings, medusa=medusa)
        client.send(Generate(reply_id, messages, one, measured=True))
        started, *_, finished = client.until_the_end()
        assert isinstance(started, Started)
        assert started.mode == ("medusa" if medusa else "plain")
        assert started.beforehand is not None
        assert started.beforehand.prompt_tokens == started.prompt_tokens
        assert started.reused_tokens == started.prompt_tokens - 1
        assert isinstance(finished, Finished)
        figures.append(finished.figures)
    assert figures[0].accepted_counts == figures[2].accepted_counts
    assert figures[1].accepted_counts == (40,)
    client.ask(94, "Hello", settings)
    started = client.until_the_end()[0]
    assert isinstance(started, Started)
    assert started.beforehand is None


def test_measured_reply_is_cancelled_while_it_warms_up(client: Client) -> None:
    client.send(Generate(95, (ChatMessage("user", "Hello"),), LONG, measured=True))
    client.send(Cancel(95))
    *_, finished = client.until_the_end()
    assert isinstance(finished, Finished)
    assert finished.stop_reason == "cancelled"
    assert finished.figures.tokens < 480


def test_full_context_is_marked(client: Client) -> None:
    client.ask(9, "word " * 1000, LONG)
    (failed,) = client.until_the_end()
    assert isinstance(failed, Failed)
    assert failed.context_full
    assert failed.overflow is not None
    assert failed.overflow.spare_messages == 0
    assert failed.overflow.prompt_tokens >= failed.overflow.context_tokens
    assert "512" in failed.message


def test_failed_load_and_another(client: Client) -> None:
    client.send(Load(ModelSettings("/nowhere")))
    failed = client.until_the_end()[-1]
    assert isinstance(failed, Failed)
    assert failed.reply_id is None
    assert "/nowhere" in failed.message
    client.ask(10, "Hello", LONG)
    without_model = client.until_the_end()[-1]
    assert isinstance(without_model, Failed)
    client.send(Load(ModelSettings(HEADS)))
    assert isinstance(client.until_the_end()[-1], Loaded)


# The last one of this server: it ends.
def test_end_of_input_ends_a_reply_at_once(client: Client) -> None:
    client.ask(11, "Hello", LONG)
    assert isinstance(client.next(), Started)
    client.requests.close()
    assert ended(client) < 5
    assert b"Finished" not in client.events.read()


def test_end_of_input_while_loading() -> None:
    with serving() as client:
        client.send(Load(ModelSettings(HEADS)))
        client.requests.close()
        assert ended(client) < 10


def test_what_steps_take_is_measured_after_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    file = tmp_path / "step_times.json"
    with serving() as client:
        client.send(Load(ModelSettings(HEADS)))
        assert isinstance(client.until_the_end()[-1], Loaded)
        while not file.exists():  # the watchdog ends it
            assert client.process.poll() is None
            time.sleep(0.05)
        client.ask(1, "Hello", DecodeSettings(max_new_tokens=8))
        assert isinstance(client.until_the_end()[-1], Finished)
    (experience,) = json.loads(file.read_text("utf-8")).values()
    assert len(experience["grown"]["seconds"]) == 7


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b'{"type": "Wish"}\n',
        encode(Load(ModelSettings())).replace(b'"auto"', b'"tpu"'),
    ],
    ids=["no JSON", "no request", "no settings"],
)
def test_request_that_cannot_be_read_ends_it(line: bytes) -> None:
    with serving(stderr=subprocess.PIPE) as client:
        client.requests.write(line)
        client.requests.flush()
        assert client.process.wait(30) == 1
        assert client.process.stderr is not None
        assert b"Error" in client.process.stderr.read()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_interrupt_is_left_to_the_interface() -> None:
    with serving() as client:
        client.send(Load(ModelSettings("/nowhere")))
        failed = client.until_the_end()[-1]
        assert isinstance(failed, Failed)
        client.process.send_signal(signal.SIGINT)
        client.send(Load(ModelSettings("/nowhere/else")))
        assert isinstance(client.until_the_end()[-1], Failed)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_parent_that_is_killed_takes_the_server_along() -> None:
    parent = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({SERVER!r}, stdin=subprocess.PIPE, start_new_session=True)\n"
        "print(flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.kill()
        # The server has inherited the parent's stdout, which ends once both are gone.
        assert process.stdout.read() == b""
