"""``medusa-chat run`` in a process of its own: signals, closed pipes, a start from the Hub."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from command_line import HEADS, environment, finish, start
from golden_data import TINY_LLAMA
from loopback_hub import Hub, serving
from tiny_models import random_heads, save_heads

posix = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")
GREEDY = ("--temperature", "0", "--ignore-eos", "--max-new-tokens")


def test_pull_and_answer_and_again_without_a_hub(tmp_path: Path) -> None:
    heads = save_heads(
        tmp_path / "heads", random_heads(96), base_model_name_or_path="somebody/base"
    )
    arguments = ("run", "Hello", "--model", "somebody/medusa", *GREEDY, "8", "--json")
    with serving(Hub({"somebody/medusa": heads, "somebody/base": TINY_LLAMA})) as hub:
        env = environment(**hub.environment, HF_HOME=str(tmp_path / "hf"))
        first = finish(start(*arguments, env=env, cwd=tmp_path))
    for name in ("somebody/medusa", "somebody/base"):
        assert re.search(rf"^{name}: [\d.]+ [kM]B in \d files", first.err, re.MULTILINE)
    assert "Fetched somebody/medusa." in first.err
    # The server is stopped: whatever the second run asked of it would fail.
    again = finish(start(*arguments, env=env, cwd=tmp_path))
    assert again.err == ""
    assert again.record["model"] == "somebody/medusa"
    assert again.record["token_ids"] == first.record["token_ids"]


@posix
def test_interrupt_keeps_what_came() -> None:
    process = start("run", "Hello", "--model", HEADS, *GREEDY, "480")
    assert process.stdout is not None
    shown = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    shown += process.stdout.read()
    outcome = finish(process)
    assert outcome.status == 130
    assert shown.endswith(b"\n")
    assert outcome.err.rstrip().endswith("cancelled")
    assert len(outcome.err.splitlines()) == 1


@posix
def test_interrupt_while_loading() -> None:
    process = start("run", "Hello", "--model", HEADS, env=environment(PYTHONVERBOSE="1"))
    assert process.stderr is not None
    for line in process.stderr:
        if b"import 'torch.nn'" in line:
            break
    process.send_signal(signal.SIGINT)
    outcome = finish(process)
    assert outcome.status == 130
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


@posix
def test_reader_that_leaves_is_no_error() -> None:
    process = start("run", "Hello", "--model", HEADS, *GREEDY, "400")
    assert process.stdout is not None
    assert process.stdout.read(1)
    process.stdout.close()
    process.stdout = None
    outcome = finish(process)
    assert outcome.status == 0
    assert outcome.err == ""
