"""The client of the engine process, against small programs that speak the protocol, or should."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from medusa_chat.engine.process import Ended, Engine, EngineProcess
from medusa_chat.engine.protocol import Cancel, Failed, Load, Loading
from medusa_chat.settings import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from medusa_chat.engine.protocol import Event

LOAD = Load(ModelSettings())

# Each says what it was asked, in Loading events, and then does what its name says.
SAY = """
import json, os, signal, sys, time
def say(stage):
    print(json.dumps({"type": "Loading", "stage": stage}), flush=True)
"""
ECHO = SAY + "for line in sys.stdin: say(line.strip())"
OUTLIVED = (
    SAY
    + """
import subprocess
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.1)"], stdout=subprocess.DEVNULL)
say("goodbye")
"""
)
DIE = SAY + "say('about to die'); sys.exit(3)"
KILLED = SAY + "say('about to die'); os.kill(os.getpid(), signal.SIGKILL)"
STUBBORN = SAY + "say(str(os.getpid()))\nwhile True: time.sleep(60)"
NOISY = (
    SAY
    + """
print("a library says hello", flush=True)
print(json.dumps({"type": "Cancel", "reply_id": 1}), flush=True)
sys.stderr.write("something went wrong\\n" * 100_000)
say("still here")
"""
)
LONG = SAY + "say('x' * 5_000_000)"
TALKING_AFTER_EOF = SAY + "sys.stdin.read(); say('goodbye')"
ENVIRONMENT = SAY + "say(json.dumps(dict(os.environ))); say(str(os.getsid(0) == os.getpid()))"


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str], EngineProcess]:
    def start(script: str) -> EngineProcess:
        return EngineProcess(
            tmp_path / "log", command=(sys.executable, "-c", script), patience_seconds=0.3
        )

    return start


async def all_of(engine: Engine) -> list[Event | Ended]:
    return [event async for event in engine.events()]


async def test_requests_go_in_and_events_come_out_in_order(
    start: Callable[[str], EngineProcess],
) -> None:
    engine = start(ECHO)
    engine.send(LOAD)
    stages = []
    async for event in engine.events():
        if isinstance(event, Loading):
            stages.append(json.loads(event.stage)["type"])
            if stages == ["Load"]:
                engine.send(Cancel(1))
            else:
                await engine.close()
    assert stages == ["Load", "Cancel"]
    assert event == Ended(0)


async def test_an_engine_that_ends_by_itself_says_with_which_status(
    start: Callable[[str], EngineProcess],
) -> None:
    engine = start(DIE)
    assert await all_of(engine) == [Loading("about to die"), Ended(3)]
    engine.send(LOAD)
    await engine.close()


async def test_an_engine_that_was_killed_says_by_which_signal(
    start: Callable[[str], EngineProcess],
) -> None:
    assert (await all_of(start(KILLED)))[-1] == Ended(-signal.SIGKILL)


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (Ended(3), "exit status 3"),
        (Ended(-signal.SIGSEGV), "ended by SIGSEGV."),
        (Ended(-signal.SIGKILL), "ended by SIGKILL, as the system does when memory runs out."),
        (Ended(-200), "ended by signal 200."),
        (Ended(None, "no such file"), "could not be started: no such file"),
    ],
)
def test_an_end_is_told_in_words(ended: Ended, words: str) -> None:
    assert words in str(ended)


async def test_an_engine_that_does_not_listen_is_killed(
    start: Callable[[str], EngineProcess],
) -> None:
    engine = start(STUBBORN)
    events = engine.events()
    first = await anext(events)
    assert isinstance(first, Loading)
    await engine.close()
    assert await anext(events) == Ended(-signal.SIGKILL)
    with pytest.raises(ProcessLookupError):
        os.kill(int(first.stage), 0)


async def test_what_a_killed_engine_started_is_killed_with_it(
    start: Callable[[str], EngineProcess],
) -> None:
    script = (
        "import subprocess; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    engine = start(f"import sys; {script}\n{STUBBORN}")
    events = engine.events()
    await anext(events)
    await asyncio.wait_for(engine.close(), 10)
    assert await anext(events) == Ended(-signal.SIGKILL)


async def test_pipes_that_end_after_a_closed_engine_are_waited_for(
    start: Callable[[str], EngineProcess],
) -> None:
    engine = start(OUTLIVED)
    events = engine.events()
    assert isinstance(await anext(events), Loading)
    process = engine._process
    assert process is not None
    assert process.stderr is not None
    while process.returncode is None:
        await asyncio.sleep(0.005)
    await engine.close()
    assert process.stderr.at_eof()
    assert [type(event) async for event in events] == [Ended]


async def test_an_engine_that_was_closed_before_its_start_ends_at_once(
    start: Callable[[str], EngineProcess],
) -> None:
    engine = start(ECHO)
    await engine.close()
    engine.send(LOAD)
    assert await all_of(engine) == [Ended(0)]


async def test_noise_is_no_event_and_errors_go_to_the_log(
    start: Callable[[str], EngineProcess], tmp_path: Path
) -> None:
    (tmp_path / "log").write_text("earlier\n")
    assert await all_of(start(NOISY)) == [Loading("still here"), Ended(0)]
    log = (tmp_path / "log").read_text()
    assert log.startswith("earlier\nsomething went wrong\n")
    assert log.count("something") == 100_000


async def test_a_long_line_is_one_event(start: Callable[[str], EngineProcess]) -> None:
    assert await all_of(start(LONG)) == [Loading("x" * 5_000_000), Ended(0)]


async def test_a_line_without_end_is_passed_over(
    start: Callable[[str], EngineProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medusa_chat.engine.process._LINE_BYTES", 1000)
    assert await all_of(start(LONG + "; say('fine')")) == [Loading("fine"), Ended(0)]


async def test_what_an_engine_says_last_still_arrives(
    start: Callable[[str], EngineProcess],
) -> None:
    engine = start(TALKING_AFTER_EOF)
    events = engine.events()
    arriving = asyncio.ensure_future(anext(events))
    while engine._process is None:
        await asyncio.sleep(0)
    await engine.close()
    assert await arriving == Loading("goodbye")
    assert await anext(events) == Ended(0)


async def test_it_runs_in_a_session_of_its_own_with_quiet_threads(
    start: Callable[[str], EngineProcess],
) -> None:
    environment, own_session, _ = await all_of(start(ENVIRONMENT))
    assert isinstance(environment, Loading)
    variables = json.loads(environment.stage)
    assert variables["OMP_WAIT_POLICY"] == "PASSIVE"
    assert variables["TOKENIZERS_PARALLELISM"] == "false"
    assert variables["PYTHONUNBUFFERED"] == "1"
    assert variables["PATH"] == os.environ["PATH"]
    assert own_session == Loading("True")


async def test_a_program_that_is_missing_is_an_end_in_words(tmp_path: Path) -> None:
    engine = EngineProcess(None, command=("/nowhere/python",))
    (ended,) = await all_of(engine)
    assert isinstance(ended, Ended)
    assert ended.exit_status is None
    assert "/nowhere/python" in str(ended)
    engine.send(LOAD)
    await engine.close()


async def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    engine = EngineProcess(tmp_path, command=(sys.executable, "-c", NOISY))
    assert await all_of(engine) == [Loading("still here"), Ended(0)]


async def test_failed_events_keep_what_they_say(start: Callable[[str], EngineProcess]) -> None:
    script = SAY + "print(json.dumps({'type': 'Failed', 'reply_id': None, 'message': 'no'}))"
    assert (await all_of(start(script)))[0] == Failed(None, "no", context_full=False)


def test_the_engine_ends_when_the_interface_is_killed(tmp_path: Path) -> None:
    interface = """
import asyncio, os, signal, sys
from medusa_chat.engine.process import EngineProcess
async def main():
    engine = EngineProcess(None, command=(sys.executable, "-c", sys.argv[1]))
    async for event in engine.events():
        print(event.stage, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    # The engine holds this pipe open for as long as it lives.
    engine = SAY + "say(sys.argv[0]); sys.stdin.read(); open(sys.argv[1], 'w').write('ended')"
    engine = engine.replace("sys.argv[1]", repr(str(tmp_path / "end")))
    done = subprocess.run(
        [sys.executable, "-c", interface, engine], stdout=subprocess.PIPE, check=False, timeout=20
    )
    assert done.returncode == -signal.SIGKILL
    for _ in range(500):
        if (tmp_path / "end").exists():
            break
        time.sleep(0.02)
    assert (tmp_path / "end").exists()
