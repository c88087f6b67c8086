"""Medusa-2 from end to end, on tiny-llama: learnt, stopped and resumed, ended early, refused."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_data import TINY_LLAMA, read, tiny_llama, tiny_llama_tokenizer
from safetensors.torch import load_file
from tiny_models import save_base

from medusa_chat.errors import ModelError
from medusa_chat.models.checkpoint import read_heads
from medusa_chat.models.loader import load
from medusa_chat.settings import ModelSettings
from medusa_chat.training import learner, trainer
from medusa_chat.training.command import run
from medusa_chat.training.head_pass import HeadScores
from medusa_chat.training.joint_pass import joint_pass
from medusa_chat.training.optimizer import Optimizer
from medusa_chat.training.progress import Progress
from medusa_chat.training.run_folder import RunFolder
from medusa_chat.training.settings import TrainSettings
from training.runs import functions, settings, write_lines

LORA: dict[str, Any] = {"stage": "medusa-2", "lora_rank": 4, "learning_rate": 2e-3}
FULL: dict[str, Any] = {"stage": "medusa-2", "learning_rate": 2e-4}


def at_pass(monkeypatch: pytest.MonkeyPatch, number: int, action: Callable[[], None]) -> None:
    """Do ``action`` in the training pass of this number, counted from 1."""
    passes = 0

    def counted(*arguments: Any, **options: Any) -> HeadScores:
        nonlocal passes
        passes += "weights" in options
        if passes == number and "weights" in options:
            action()
        return joint_pass(*arguments, **options)

    monkeypatch.setattr(learner, "joint_pass", counted)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def written(chosen: TrainSettings) -> dict[str, bytes]:
    """Return the weights of the base and of the heads that a training wrote."""
    files = ("medusa_lm_head.safetensors", f"{TINY_LLAMA.name}/model.safetensors")
    return {name: (chosen.output / name).read_bytes() for name in files}


@pytest.mark.parametrize("options", [LORA, FULL], ids=["lora", "full"])
def test_both_stages_end_with_one_model(
    options: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = settings(tmp_path, output=tmp_path / "first", epochs=2, heads=2)
    assert run(first) == 0
    assert not (first.output / TINY_LLAMA.name).exists()
    second = settings(tmp_path, heads=2, heads_from=first.output, epochs=2, **options)
    capsys.readouterr()
    assert run(second) == 0
    shown = capsys.readouterr()
    assert "2 heads and their base" in shown.err
    assert "base │   t + 1" in shown.out
    before, after = (
        float(words.split()[0])
        for words in shown.err.partition("\nPerplexity: ")[2].split(" before, ")
    )
    assert after < before

    model = load(ModelSettings(str(second.output), device="cpu"), lambda _stage, _share: None)
    assert model.heads == 2
    assert model.base_name == f"./{TINY_LLAMA.name}"
    prompt = "def get_value9(self):"
    ids = model.format.encode([{"role": "user", "content": prompt}])
    assert ids[:1] == [1]
    assert ids[1] != 1
    weights = load_file(second.output / TINY_LLAMA.name / "model.safetensors")
    moved = [name for name, own in tiny_llama().named_parameters() if not own.equal(weights[name])]
    names = [name for name, _ in tiny_llama().named_parameters()]
    blocks = [name for name in names if "_proj" in name]
    assert moved == (blocks if options is LORA else names)
    heads, begun = read_heads(second.output), read_heads(first.output)
    assert heads is not None
    assert begun is not None
    assert not heads.block_bias.equal(begun.block_bias)
    assert run(second) == 0
    assert "is finished" in capsys.readouterr().err


def test_what_is_written_is_what_was_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = settings(tmp_path, max_steps=6, **LORA)
    assert run(chosen) == 0
    said = capsys.readouterr()
    # Training the written model further begins at the perplexity that it ended with.
    again = settings(
        tmp_path,
        output=tmp_path / "again",
        base_model=str(chosen.output / TINY_LLAMA.name),
        max_steps=1,
        **LORA,
    )
    assert run(again) == 0
    begun = capsys.readouterr().err.partition("held out: ")[2].split()[0]
    assert float(begun) == pytest.approx(float(said.err.partition("before, ")[2].split()[0]), 1e-3)


@pytest.mark.parametrize(
    "options",
    [LORA | {"base_loss": "teacher", "accumulation": 2, "evaluate_every": 2}, FULL],
    ids=["lora", "full"],
)
def test_stopped_and_killed_it_ends_bit_by_bit_as_if_never_stopped(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed() -> None:
        raise KeyboardInterrupt

    common = {"max_steps": 5, "heads": 2, "layers": 2, **options}
    whole = settings(tmp_path, output=tmp_path / "whole", **common)
    assert run(whole) == 0
    stopped = settings(tmp_path, output=tmp_path / "stopped", **common)
    with monkeypatch.context() as patch:
        at_pass(patch, 3, interrupt)
        assert run(stopped) == 130
    with monkeypatch.context() as patch:
        # Some steps on, nothing of which is saved.
        at_pass(patch, 2, killed)
        assert run(stopped) == 130
    assert run(stopped) == 0
    assert written(stopped) == written(whole)


@pytest.mark.parametrize("stage", ["medusa-1", "medusa-2"])
@pytest.mark.parametrize("is_damaged", [False, True])
def test_it_stops_early_and_keeps_the_best(
    stage: str,
    is_damaged: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    losses = iter((3.0, 2.0, 2.5, 2.25, 9.0, 9.0))
    kept: list[dict[str, torch.Tensor]] = []
    save_best = RunFolder.save_best

    def noted(folder: RunFolder, optimizer: Optimizer) -> None:
        kept.append({name: one.clone() for name, one in optimizer.learnt().items()})
        save_best(folder, optimizer)
        if is_damaged:
            (chosen.output / "training-best.safetensors").write_bytes(b"?")

    monkeypatch.setattr(RunFolder, "save_best", noted)
    monkeypatch.setattr(HeadScores, "total", lambda *_: next(losses))
    monkeypatch.setattr(trainer, "tell", lambda text: print(text))
    monkeypatch.setattr(Progress, "_marks", lambda _self: "")
    options = LORA if stage == "medusa-2" else {}
    chosen = settings(tmp_path, max_steps=14, evaluate_every=2, early_stop=2, **options)
    assert run(chosen) == 0
    said = capsys.readouterr().out
    assert "step 8: held-out loss 2.2500, best 2.0000 at 4" in said
    assert "Stopped early: no gain in 2 evaluations." in said
    assert ("by step 4 is kept" in said) is not is_damaged
    assert ("by step 4 did best, and is lost" in said) is is_damaged
    heads = read_heads(chosen.output)
    assert heads is not None
    assert len(kept) == 2
    assert heads.output_weight is not None
    assert heads.output_weight.equal(kept[-1]["heads.output_weight"]) is not is_damaged
    assert not (chosen.output / "training-best.safetensors").exists()


def test_stopped_while_it_writes_it_goes_on_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    chosen = settings(tmp_path, max_steps=2, **LORA)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(ModelError, match="No space left"):
            run(chosen)
    assert not (chosen.output / TINY_LLAMA.name).exists()
    assert run(chosen) == 0
    assert written(chosen)


def test_heads_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    first = settings(tmp_path, output=tmp_path / "first", heads=3, max_steps=1)
    assert run(first) == 0
    with pytest.raises(ModelError, match=r"has 3 heads of 1 layers .* layout v0.1"):
        run(settings(tmp_path, heads=2, heads_from=first.output, **LORA))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ModelError, match="holds no heads"):
        run(settings(tmp_path, heads_from=empty, **LORA))


def test_without_anything_held_out_there_is_no_perplexity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(tmp_path / "data.jsonl", functions(6))
    assert run(settings(tmp_path, held_out=0.0, max_steps=1, **LORA)) == 0
    assert "Perplexity" not in capsys.readouterr().err


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_adapters_on_a_base_of_few_bits_end_as_a_base_of_many(
    quantization: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = save_base(tmp_path / "base", "llama")
    options: dict[str, Any] = {"base_model": str(base), "quantization": quantization, "heads": 2}
    first = settings(tmp_path, output=tmp_path / "first", layers=2, max_steps=8, **options)
    assert run(first) == 0
    before = load_file(base / "model.safetensors")
    second = settings(tmp_path, layers=2, heads_from=first.output, max_steps=8, **options, **LORA)
    capsys.readouterr()
    assert run(second) == 0
    said = capsys.readouterr().err
    begun, ended = said.partition("\nPerplexity: ")[2].split(" before, ")
    assert float(ended.split()[0]) < float(begun)
    after = load_file(second.output / "base" / "model.safetensors")
    assert after.keys() == before.keys()
    moved = {name for name, own in after.items() if not own.equal(before[name])}
    assert moved == {name for name in before if "_proj" in name}
    # Added to the weights as they are published, not to what few bits make of them.
    assert all((after[name] - before[name]).abs().mean() < 0.02 for name in moved)
    model = load(ModelSettings(str(second.output), device="cpu"), lambda _stage, _share: None)
    assert model.heads == 2


def test_a_width_that_4_bits_cannot_have_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="96 wide: 4 bits on a CPU"):
        run(settings(tmp_path, quantization="4bit"))


def test_a_base_that_is_to_stay_as_it_was_does_while_its_heads_learn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # What the base itself has written.
    items = read("medusa/gen/tiny-llama.json")["items"]
    texts = [
        tiny_llama_tokenizer().decode(one["prompt_ids"][1:] + one["ar_greedy_ids_ignoring_eos"])
        for one in items
    ]
    data = write_lines(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    common: dict[str, Any] = {"data": (data,), "heads": 2, "held_out": 0.25, "epochs": 10}

    def losses(shown: str) -> list[float]:
        """Return the heads' losses on what is held out."""
        rows = [line.split("│") for line in shown.splitlines() if "t +" in line]
        return [float(row[3]) for row in rows[-2:]]

    first = settings(tmp_path, output=tmp_path / "first", **common)
    assert run(first) == 0
    before = losses(capsys.readouterr().out)
    taught = settings(
        tmp_path,
        stage="medusa-2",
        base_loss="teacher",
        heads_from=first.output,
        learning_rate=1e-5,
        heads_rate=200,
        **common,
    )
    assert run(taught) == 0
    shown = capsys.readouterr()
    change = float(shown.err.partition("after (")[2].partition("%")[0])
    assert abs(change) < 1
    assert all(new < old for new, old in zip(losses(shown.out), before, strict=True))
    weights = load_file(taught.output / TINY_LLAMA.name / "model.safetensors")
    assert any(not own.equal(weights[name]) for name, own in tiny_llama().named_parameters())
