"""Trainings from end to end, on tiny-llama: finished, stopped and resumed, refused."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_data import TINY_LLAMA, read, tiny_llama_tokenizer

from medusa_chat.decoding.decoder import Request
from medusa_chat.decoding.drafting import TreeShape
from medusa_chat.decoding.dynamic_tree import FixedTree
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.tree import Tree
from medusa_chat.errors import MedusaChatError, ModelError, UsageError
from medusa_chat.models.checkpoint import read_heads
from medusa_chat.models.loader import load
from medusa_chat.settings import ModelSettings
from medusa_chat.training import learner, session, trainer
from medusa_chat.training.command import run
from medusa_chat.training.head_pass import HeadScores, head_pass
from medusa_chat.training.precision import Precision
from training.runs import enlarge, functions, settings, write_lines


def at_pass(monkeypatch: pytest.MonkeyPatch, number: int, action: Callable[[], None]) -> None:
    """Do ``action`` in the heads' pass of this number, counted from 1."""
    passes = 0

    def counted(*arguments: Any, **options: Any) -> HeadScores:
        nonlocal passes
        passes += 1
        if passes == number:
            action()
        return head_pass(*arguments, **options)

    monkeypatch.setattr(learner, "head_pass", counted)


def heads_file(folder: Path) -> bytes:
    return (folder / "medusa_lm_head.safetensors").read_bytes()


@pytest.mark.parametrize("layout", ["v0.1", "shared"])
def test_a_training_ends_with_heads_that_guess(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # What the base itself writes, so that heads that have learnt it must speed it up.
    written = read("medusa/gen/tiny-llama.json")["items"]
    texts = [
        tiny_llama_tokenizer().decode(item["prompt_ids"][1:] + item["ar_greedy_ids_ignoring_eos"])
        for item in written
    ]
    data = write_lines(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    chosen = settings(
        tmp_path,
        data=(data,),
        layout=layout,
        heads=3,
        layers=2,
        epochs=20,
        learning_rate=5e-3,
    )
    assert run(chosen) == 0
    shown = capsys.readouterr()
    assert "3 heads" in shown.err
    assert f"--model {chosen.output}" in shown.err
    assert "On 3 held-out examples" in shown.out

    heads = read_heads(chosen.output)
    assert heads is not None
    assert (heads.count, heads.layers) == (3, 2)
    assert (heads.output_weight is None) == (layout == "shared")
    model = load(ModelSettings(str(chosen.output), device="cpu"), lambda _stage, _fraction: None)
    assert model.heads == 3
    replies, steps = [], []
    for paths in ([[0], [0, 0], [0, 0, 0]], []):
        shape: TreeShape = FixedTree.of(Tree.from_paths(paths), torch.device("cpu"))
        request = Request(shape, Sampling(0.0), Ending(max_new_tokens=24))
        decoding = model.decoder.start(written[0]["prompt_ids"], request)
        steps.append(sum(1 for _ in decoding.run()))
        replies.append(decoding.output.token_ids)
        model.decoder.forget()
    assert replies[0] == replies[1]
    assert steps[0] < 0.8 * steps[1]

    assert run(chosen) == 0
    assert "is finished" in capsys.readouterr().err


def test_the_loss_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []

    def noted(*arguments: Any, **options: Any) -> HeadScores:
        scores = head_pass(*arguments, **options)
        losses.append(scores.total((1.0,) * 4))
        return scores

    monkeypatch.setattr(learner, "head_pass", noted)
    assert run(settings(tmp_path, epochs=2)) == 0
    assert losses[-1] < 0.7 * losses[0]


def test_stopped_twice_it_ends_bit_by_bit_as_if_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings(tmp_path, output=tmp_path / "whole", epochs=2)) == 0
    stopped = settings(tmp_path, output=tmp_path / "stopped", epochs=2)
    for number, step, called in ((3, 3, signal.SIGINT), (4, 7, signal.SIGTERM)):
        with monkeypatch.context() as patch:
            at_pass(patch, number, partial(signal.raise_signal, called))
            assert run(stopped) == 130
        shown = capsys.readouterr().err
        assert f"Stopped after step {step} of" in shown
        assert "the same command goes on" in shown
        assert not (stopped.output / "medusa_lm_head.safetensors").exists()
    assert run(stopped) == 0
    assert "Going on from step 7 of" in capsys.readouterr().err
    assert heads_file(stopped.output) == heads_file(tmp_path / "whole")


def test_it_does_not_go_on_with_a_base_that_was_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = shutil.copytree(TINY_LLAMA, tmp_path / "base")
    chosen = settings(tmp_path, base_model=str(base))
    with monkeypatch.context() as patch:
        at_pass(patch, 2, lambda: signal.raise_signal(signal.SIGINT))
        assert run(chosen) == 130
    enlarge(base, "model.layers.1.mlp.down_proj.weight")
    with pytest.raises(UsageError, match="whose --base-model had another content"):
        run(chosen)


def test_stopped_while_it_is_tested_it_only_tests_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = settings(tmp_path, max_steps=2)
    with monkeypatch.context() as patch:
        at_pass(patch, 3, lambda: signal.raise_signal(signal.SIGINT))
        assert run(chosen) == 130
    assert run(chosen) == 0
    assert "Going on from step 2 of 2" in capsys.readouterr().err


def test_it_is_saved_every_few_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut() -> None:
        raise KeyboardInterrupt

    chosen = settings(tmp_path)
    monkeypatch.setattr(trainer, "_SAVE_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        at_pass(patch, 4, power_cut)
        assert run(chosen) == 130
    with monkeypatch.context() as patch:
        passes: list[int] = []
        at_pass(patch, 1, lambda: passes.append(1))
        assert run(chosen) == 0
    assert passes == [1]


def test_a_run_goes_on_in_the_precision_it_was_begun_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = settings(tmp_path, dtype="auto", max_steps=4)
    command = "medusa_chat.training.session.choose_precision"
    with monkeypatch.context() as patch:
        patch.setattr(command, lambda *_: Precision(torch.float32, mixed=True))
        at_pass(patch, 2, lambda: signal.raise_signal(signal.SIGINT))
        assert run(chosen) == 130
    monkeypatch.setattr(command, lambda *_: Precision(torch.float32, mixed=False))
    capsys.readouterr()
    assert run(chosen) == 0
    assert "in mixed precision" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_out_of_memory_keeps_what_was_learnt(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    chosen = settings(tmp_path)
    at_pass(monkeypatch, 3, fail)
    with pytest.raises(
        ModelError, match=r"--layout shared, .*--batch-size .* or a smaller --max-length"
    ) as caught:
        run(chosen)
    assert len(str(caught.value).splitlines()) <= 2
    monkeypatch.setattr(learner, "head_pass", head_pass)
    assert run(chosen) == 0


@pytest.mark.parametrize(
    ("tested", "options"),
    [(5, {"evaluate_every": 4}), (3, {"max_steps": 2, "evaluate_every": 50, "early_stop": 1})],
)
def test_out_of_memory_while_it_is_tested_loses_no_step(
    tested: int,
    options: dict[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise MemoryError

    chosen = settings(tmp_path, **options)
    with monkeypatch.context() as patch:
        at_pass(patch, tested, fail)
        with pytest.raises(ModelError, match=r"Out of memory: .* goes on from what was last saved"):
            run(chosen)
    assert run(chosen) == 0
    assert f"Going on from step {tested - 1} of" in capsys.readouterr().err


def test_out_of_memory_before_anything_is_learnt_promises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise MemoryError

    nothing = "Out of memory, and nothing is saved yet: free some, or take less with --load-in-4bit"
    with monkeypatch.context() as patch:
        patch.setattr(session, "load_base", fail)
        with pytest.raises(ModelError, match=nothing):
            run(settings(tmp_path))
    assert not (tmp_path / "heads").exists()
    at_pass(monkeypatch, 1, lambda: fail())
    with pytest.raises(ModelError, match=nothing):
        run(settings(tmp_path))
    # So less can be asked for in the same folder.
    assert run(settings(tmp_path, layout="shared", max_steps=1)) == 0


def test_another_error_is_not_called_out_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("shapes do not match")

    at_pass(monkeypatch, 1, fail)
    with pytest.raises(RuntimeError, match="shapes"):
        run(settings(tmp_path))


def test_few_lines_are_trained_on_untested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(tmp_path / "data.jsonl", functions(2))
    assert run(settings(tmp_path)) == 0
    assert "too few lines" in capsys.readouterr().err


def test_held_out_0_is_not_blamed_on_the_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings(tmp_path, held_out=0.0, max_steps=1)) == 0
    said = capsys.readouterr().err
    assert "Nothing is held out (--held-out 0), so the heads are not tested." in said
    assert "too few" not in said


def test_what_cannot_be_trained_is_refused_in_words(tmp_path: Path) -> None:
    def refusal(kind: type[MedusaChatError], **options: Any) -> str:
        with pytest.raises(kind) as caught:
            run(settings(tmp_path, **options))
        assert len(str(caught.value).splitlines()) <= 2
        assert not (tmp_path / "heads").exists()
        return str(caught.value)

    assert "does not exist" in refusal(UsageError, data=(tmp_path / "none.jsonl",))
    assert "does not exist" in refusal(ModelError, base_model=str(tmp_path / "no-model"))
    assert "512 tokens" in refusal(UsageError, max_length=513)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no model" in refusal(ModelError, base_model=str(empty))
    bad = write_lines(tmp_path / "bad.jsonl", [1, 2])
    assert "No line of" in refusal(MedusaChatError, data=(bad,))


def test_no_state_file_holds_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(tmp_path)
    at_pass(monkeypatch, 2, lambda: signal.raise_signal(signal.SIGINT))
    assert run(chosen) == 130
    files = sorted(path.name for path in chosen.output.iterdir())
    assert files == ["training-state.json", "training-state.safetensors"]
    record = json.loads((chosen.output / "training-state.json").read_text())
    assert record["finished"] is False


def test_heads_are_written_in_the_precision_of_their_base(tmp_path: Path) -> None:
    base = shutil.copytree(TINY_LLAMA, tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"torch_dtype": "bfloat16"}))
    chosen = settings(tmp_path, base_model=str(base), max_steps=1)
    assert run(chosen) == 0
    heads = read_heads(chosen.output)
    assert heads is not None
    assert heads.dtype == torch.bfloat16
