"""Training in two processes: what they come to is what one comes to."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from accelerate import PartialState
from command_line import environment
from golden_data import TINY_LLAMA
from safetensors.torch import load_file

from medusa_chat.errors import ModelError
from medusa_chat.training.__main__ import main
from medusa_chat.training.team import Team, assemble
from training.runs import functions, write_lines

LAUNCH = (
    *(sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"),
    *("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"),
    *("--main_process_port", "0", "-m", "medusa_chat.training"),
)


def options(data: Path, output: Path, accumulation: int) -> list[str]:
    named = {
        "base-model": TINY_LLAMA,
        "data": data,
        "output": output,
        "accumulation": accumulation,
        "stage": "medusa-2",
        "lora-rank": 4,
        "base-loss": "teacher",
        "rise": "constant",
        "batch-size": 1,
        "max-length": 128,
        "max-steps": 4,
        "evaluate-every": 2,
        "dtype": "float32",
        "device": "cpu",
        "heads": 2,
    }
    return [word for name, value in named.items() for word in (f"--{name}", str(value))]


def test_two_processes_are_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the base with dropping out, of its heads, and of what was evaluated in between."""
    data = write_lines(tmp_path / "data.jsonl", functions(32))
    two, one = tmp_path / "two", tmp_path / "one"
    done = subprocess.run(
        [*LAUNCH, *options(data, two, 1)],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert main(options(data, one, 2)) == 0
    alone = capsys.readouterr()
    # One speaks, and says the same: each time once.
    for words in ("held-out loss", "Perplexity of the base", "The model is in"):
        said = [line for line in done.stderr.splitlines() if words in line]
        assert len(said) == sum(words in line for line in alone.err.splitlines())
    assert done.stdout == alone.out
    for file in ("medusa_lm_head.safetensors", f"{TINY_LLAMA.name}/model.safetensors"):
        expected, found = load_file(one / file), load_file(two / file)
        untrained = load_file(TINY_LLAMA / "model.safetensors")
        assert expected.keys() == found.keys()
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5, msg=name)
            if "q_proj" in name:
                assert not tensor.equal(untrained[name])


def test_a_team_of_one_adds_nothing_up() -> None:
    team = Team()
    tensor = torch.ones(3)
    team.add_up([tensor])
    team.wait()
    assert tensor.tolist() == [1.0, 1.0, 1.0]
    assert team.total(tensor) is tensor
    assert team.any(True)
    assert not team.any(False)
    assert team.leads


def test_a_process_that_is_gone_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = [
        "[/pytorch/gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:5. This "
        "is typically caused by a remote worker crashing.\nat ...",
        "CUDA out of memory. Tried to allocate 2.00 GiB.",
    ]

    def fail(_tensor: torch.Tensor) -> None:
        raise RuntimeError(reasons[0])

    monkeypatch.setattr(torch.distributed, "all_reduce", fail)
    team = Team(2)
    words = (
        r"has ended, or is out of reach \(Connection closed by peer \[127\.0\.0\.1\]:5\): the same"
    )
    for call in (team.wait, lambda: team.add_up([torch.ones(1)])):
        with pytest.raises(ModelError, match=words):
            call()
    del reasons[0]
    with pytest.raises(RuntimeError, match="CUDA out of memory"):
        team.wait()


def test_alone_a_process_is_a_team_of_one() -> None:
    assert assemble("cpu") == Team()


def test_the_others_wait_for_hours_while_the_first_fetches_or_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[timedelta] = []

    class Reached(Exception):  # noqa: N818  # no error
        pass

    def begin(*_arguments: object, timeout: timedelta, **_options: object) -> None:
        asked.append(timeout)
        raise Reached

    monkeypatch.setattr(torch.distributed, "init_process_group", begin)
    launched = (
        "RANK=0 LOCAL_RANK=0 WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 "
        "MASTER_ADDR=localhost MASTER_PORT=29500 OMP_NUM_THREADS=1"
    )
    for name, _, value in (word.partition("=") for word in launched.split()):
        monkeypatch.setenv(name, value)
    for device in ("auto", "cpu"):
        PartialState._reset_state()
        try:
            with pytest.raises(Reached):
                assemble(device)
        finally:
            PartialState._reset_state()
    assert len(asked) == 2
    assert min(asked) >= timedelta(hours=12)


def test_what_is_wrong_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--base-model", "b"]) == 2
    assert "--data, --output must be given" in capsys.readouterr().err
