"""What is said of unexpected errors, and that a server whose memory runs out goes on or says so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from command_line import environment
from golden_data import GOLDEN

from medusa_chat.engine.failure import failure_of, lacked_memory
from medusa_chat.engine.process import Ended, EngineProcess
from medusa_chat.engine.protocol import (
    ChatMessage,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    decode,
    encode,
)
from medusa_chat.settings import DecodeSettings, ModelSettings

LOAD = Load(ModelSettings(str(GOLDEN / "medusa/models/tiny-llama-heads-v01")))
ASK = Generate(
    1,
    (ChatMessage("user", "Hello"),),
    DecodeSettings(temperature=0, max_new_tokens=30, ignore_eos=True),
)

# Less than torch's libraries take: the system refuses to map them. All else has its room by then.
LIMITED_FROM_TORCH_ON = """
import resource
import sys
class Limit:
    def find_spec(self, name, path, target=None):
        if name == "torch":
            resource.setrlimit(resource.RLIMIT_AS, (300 * 2**20,) * 2)
sys.meta_path.insert(0, Limit())
from medusa_chat.engine.__main__ import main
main()
"""
# The system gives the reader no thread.
WITHOUT_THREADS = """
import threading
def no_thread(self):
    raise RuntimeError("can't start new thread")
threading.Thread.start = no_thread
from medusa_chat.engine.__main__ import main
main()
"""
# The third step of the first reply asks for more than the limit leaves.
LIMITED_IN_A_REPLY = """
import resource
from medusa_chat.engine import __main__, local
run, replies = local.Answer.run, []
def run_short_of_memory(self, cancelled):
    import torch
    replies.append(self)
    for number, emissions in enumerate(run(self, cancelled)):
        yield emissions
        if number == 2 and len(replies) == 1:
            resource.setrlimit(resource.RLIMIT_AS, (2**36, resource.RLIM_INFINITY))
            torch.ones(2**36)
local.Answer.run = run_short_of_memory
__main__.main()
"""


class ToldOtherwiseError(Exception):
    """A library's own words."""


def caused(by: BaseException) -> BaseException:
    try:
        try:
            raise by
        except BaseException as error:
            raise ToldOtherwiseError("no such luck") from error
    except ToldOtherwiseError as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 12 bytes"),
        RuntimeError("could not create a primitive"),
        RuntimeError("std::bad_alloc"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        caused(MemoryError()),
    ],
    ids=str,
)
def test_memory_that_ran_out_is_told_as_that(error: BaseException) -> None:
    assert lacked_memory(error)
    of_reply, of_model = failure_of(error, 7), failure_of(error, None)
    assert (of_reply.reply_id, of_model.reply_id) == (7, None)
    assert of_reply.lacked_memory
    assert of_model.lacked_memory
    assert "Memory ran out while the reply" in of_reply.message
    assert "Memory ran out while the model" in of_model.message


def test_other_errors_are_told_by_their_name() -> None:
    assert failure_of(ZeroDivisionError("by zero.\nand more"), 1) == (
        Failed(1, "The engine met an unexpected ZeroDivisionError: by zero.")
    )
    assert failure_of(KeyError(), None).message == "The engine met an unexpected KeyError."
    assert len(failure_of(ValueError("x" * 9999), 1).message) < 300


@contextmanager
def serving(script: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        (sys.executable, "-c", script),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def answers(process: subprocess.Popen[bytes], request: Load | Generate) -> Event:
    """Send a request, and return the event that ends it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(encode(request))
    process.stdin.flush()
    for line in process.stdout:
        event = decode(line)
        if isinstance(event, Loaded | Failed | Finished):
            return event
    raise AssertionError(f"it ended with {process.wait()}")


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of the address space")
@pytest.mark.parametrize(
    "script", [LIMITED_FROM_TORCH_ON, WITHOUT_THREADS], ids=["torch", "thread"]
)
async def test_an_engine_without_room_to_begin_says_so(script: str) -> None:
    engine = EngineProcess(None, command=(sys.executable, "-c", script))
    engine.send(LOAD)
    events = [event async for event in engine.events()]
    assert [type(event) for event in events] == [Failed, Ended], events
    failed, ended = events
    assert isinstance(failed, Failed)
    assert failed.reply_id is None
    assert failed.lacked_memory
    assert "Memory ran out while the model was loaded. Close other" in failed.message
    assert "exit status 1" in str(ended)


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of the address space")
def test_a_reply_that_finds_no_memory_fails_and_the_next_one_is_as_ever() -> None:
    with serving(LIMITED_IN_A_REPLY) as process:
        assert isinstance(answers(process, LOAD), Loaded)
        failed = answers(process, ASK)
        assert isinstance(failed, Failed)
        assert failed.reply_id == 1
        assert "Memory ran out while the reply was written" in failed.message
        finished = answers(process, ASK)
        assert isinstance(finished, Finished)
        assert finished.figures.tokens == 30
        assert finished.figures.reused_tokens == 0  # what half a step left is not gone on from
