"""The folder of a training: which run it takes, and what it keeps."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden_data import TINY_LLAMA

from medusa_chat.errors import ModelError, UsageError
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.training import run_folder as module
from medusa_chat.training.marks import Marks
from medusa_chat.training.optimizer import Optimizer, ParameterGroup
from medusa_chat.training.run_folder import RunFolder, RunInputs, digest_files
from medusa_chat.training.schedule import Schedule
from training.runs import settings

INPUTS = RunInputs(data_sha256="data", base_sha256="base", mixed_precision=True)
MARKS = Marks(first_loss=2.5).after(2.0, 3).after(2.25, 6)


def small_optimizer() -> Optimizer:
    heads = dict(MedusaHeads(4, 1, 8, 16).named_parameters())
    return Optimizer([ParameterGroup("heads", heads, 1e-3)], Schedule(10))


def begun(folder: Path, **options: Any) -> RunFolder:
    """Return a folder of a training that was saved once."""
    run = RunFolder(settings(folder, **options))
    run.begin(INPUTS)
    run.save(small_optimizer(), MARKS)
    return run


def test_goes_on_with_its_own_settings_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "base"
    shutil.copytree(TINY_LLAMA, base)
    begun(tmp_path, base_model=str(base))
    monkeypatch.chdir(tmp_path)
    again = RunFolder(settings(tmp_path, base_model="base", output=Path("heads"), device="cpu"))
    assert again.mixed_precision is True
    again.begin(INPUTS)
    assert again.load(small_optimizer()) == MARKS
    assert not again.finished


def test_refuses_other_settings_other_data_and_another_base(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(UsageError, match=r"--learning-rate left out, not --learning-rate 0\.5"):
        RunFolder(settings(tmp_path, learning_rate=0.5))
    with pytest.raises(UsageError, match="a training with --no-quantization, not --load-in-4bit:"):
        RunFolder(settings(tmp_path, quantization="4bit"))
    again = RunFolder(settings(tmp_path))
    with pytest.raises(UsageError, match="--data had another content"):
        again.begin(replace(INPUTS, data_sha256="changed"))
    with pytest.raises(UsageError, match="--base-model had another content"):
        again.begin(replace(INPUTS, base_sha256="changed"))
    with pytest.raises(UsageError, match="1 batches a step, not 2"):
        again.begin(replace(INPUTS, batches_a_step=2))


def test_a_run_that_saved_nothing_may_begin_otherwise(tmp_path: Path) -> None:
    RunFolder(settings(tmp_path)).begin(INPUTS)
    other = RunFolder(settings(tmp_path, batch_size=1))
    assert other.mixed_precision is None
    other.begin(replace(INPUTS, data_sha256="changed"))
    assert other.load(small_optimizer()) is None


def test_refuses_a_folder_of_something_else(tmp_path: Path) -> None:
    other = tmp_path / "model"
    other.mkdir()
    RunFolder(settings(tmp_path, output=other))
    (other / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="not empty"):
        RunFolder(settings(tmp_path, output=other))
    with pytest.raises(UsageError, match="is a file"):
        RunFolder(settings(tmp_path, output=other / "config.json"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": {}, "inputs": {"a": 1}}'])
def test_a_damaged_record_is_told(content: str, tmp_path: Path) -> None:
    begun(tmp_path)
    (tmp_path / "heads/training-state.json").write_text(content)
    with pytest.raises(UsageError, match=r"training-state\.json is damaged"):
        RunFolder(settings(tmp_path))


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_a_damaged_state_is_told(content: bytes | None, tmp_path: Path) -> None:
    run = begun(tmp_path)
    file = tmp_path / "heads/training-state.safetensors"
    file.write_bytes(file.read_bytes()[:-8] if content is None else content)
    with pytest.raises(ModelError, match=r"training-state\.safetensors is damaged"):
        run.load(small_optimizer())


def test_of_a_damaged_state_the_one_before_it_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begun(tmp_path)
    further = small_optimizer()
    further.step_count = 7
    run.save(further, Marks(first_loss=1.0))
    file = tmp_path / "heads/training-state.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-8])
    again = small_optimizer()
    assert RunFolder(settings(tmp_path)).load(again) == MARKS
    assert again.step_count == 0
    assert f"{file} is damaged: going on from the state" in capsys.readouterr().err
    # As a kill between the two names leaves them.
    file.unlink()
    assert RunFolder(settings(tmp_path)).load(again) == MARKS
    run.save(further, MARKS)
    assert RunFolder(settings(tmp_path)).load(again) == MARKS
    assert again.step_count == 7


def test_a_damaged_state_does_not_take_the_place_of_the_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the next state is being written while the machine goes down."""
    run = begun(tmp_path)
    run.save(small_optimizer(), Marks())
    last, before = (tmp_path / f"heads/training-state{end}.safetensors" for end in ("", "-before"))
    content = bytearray(last.read_bytes())
    content[-1] ^= 1
    last.write_bytes(content)
    good = before.read_bytes()
    assert run.load(small_optimizer()) == MARKS

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_state", full)
        with pytest.raises(ModelError, match="the same command goes on"):
            run.save(small_optimizer(), Marks())
    assert before.read_bytes() == good
    assert RunFolder(settings(tmp_path)).load(small_optimizer()) == MARKS
    run.save(small_optimizer(), Marks(stale=1))
    run.save(small_optimizer(), Marks(stale=2))
    assert run.load(small_optimizer()) == Marks(stale=2)
    last.unlink()
    assert run.load(small_optimizer()) == Marks(stale=1)


def test_a_best_that_is_damaged_is_told_and_not_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begun(tmp_path)
    run.save_best(small_optimizer())
    optimizer = small_optimizer()
    assert run.load_best(optimizer)
    file = tmp_path / "heads/training-best.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    for learnt in optimizer.learnt().values():
        learnt.fill_(7)
    assert not run.load_best(optimizer)
    assert f"{file} is damaged" in capsys.readouterr().err
    assert all((learnt == 7).all() for learnt in optimizer.learnt().values())


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    run = begun(tmp_path)
    kept = (tmp_path / "heads/training-state.safetensors").read_bytes()
    monkeypatch.setattr(module, "write_state", full)
    with pytest.raises(ModelError, match="No space left on device"):
        run.save(small_optimizer(), MARKS)
    assert (tmp_path / "heads/training-state.safetensors").read_bytes() == kept


def test_finishing_leaves_heads_and_names_the_base(tmp_path: Path) -> None:
    for where, expected in (
        (tmp_path, str(TINY_LLAMA.resolve())),
        (tmp_path / "beside", "../base"),
    ):
        where.mkdir(exist_ok=True)
        options: dict[str, Any] = {}
        if expected == "../base":
            shutil.copytree(TINY_LLAMA, where / "base")
            options["base_model"] = str(where / "base")
        run = begun(where, **options)
        run.finish(MedusaHeads(4, 1, 8, 16))
        config = json.loads((where / "heads/config.json").read_text())
        assert config["base_model_name_or_path"] == expected
        assert sorted(path.name for path in (where / "heads").iterdir()) == [
            "config.json",
            "medusa_lm_head.safetensors",
            "training-state.json",
        ]
        assert RunFolder(settings(where, **options)).finished
    with pytest.raises(UsageError, match="--heads 4, not --heads 3"):
        RunFolder(settings(tmp_path, heads=3))


def test_a_hub_id_stays_one(tmp_path: Path) -> None:
    run = begun(tmp_path, base_model="owner/name")
    run.finish(MedusaHeads(4, 1, 8, 16))
    config = json.loads((tmp_path / "heads/config.json").read_text())
    assert config["base_model_name_or_path"] == "owner/name"


@pytest.mark.parametrize(
    ("base", "folder"),
    [("owner/vicuna-7b@v2", "vicuna-7b"), ("builtin", "builtin"), ("b@c", "b@c")],
)
def test_a_base_that_has_learnt_is_named_like_its_origin(
    base: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b@c").mkdir()
    run = begun(tmp_path, base_model=base)
    assert run.base_folder() == tmp_path / "heads" / folder
    run.base_folder().mkdir()
    run.finish(MedusaHeads(4, 1, 8, 16))
    config = json.loads((tmp_path / "heads/config.json").read_text())
    assert config["base_model_name_or_path"] == f"./{folder}"


def test_the_digest_is_of_contents_in_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("b")
    assert digest_files((one, two)) != digest_files((two, one))
    moved = tmp_path / "moved"
    shutil.copy(one, moved)
    assert digest_files((moved, two)) == digest_files((one, two))
