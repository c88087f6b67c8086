"""Hidden states on disk: those that were made, for those that they were made of."""

from __future__ import annotations

import resource
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from golden_data import TINY_LLAMA
from safetensors.torch import load_file
from torch import Tensor

from medusa_chat.errors import ModelError, UsageError
from medusa_chat.training import base as base_module
from medusa_chat.training.batches import Batch
from medusa_chat.training.command import run
from medusa_chat.training.kept_hidden import HiddenOrigin, KeptHidden
from training.runs import enlarge, settings

ORIGIN = HiddenOrigin("data", "base", "none", "torch.float32", (3, 5, 2), 4, "float32")


def batch(*indices: int) -> Batch:
    ids = torch.zeros(len(indices), 16, dtype=torch.long)
    return Batch(ids, ids, 0, indices)


def made(ids: Tensor) -> Tensor:
    torch.manual_seed(ids.shape[0])
    return torch.randn(*ids.shape, 4)


def never(_ids: Tensor) -> Tensor:
    raise AssertionError("they are there")


@pytest.mark.parametrize("stored", ["float32", "bfloat16", "float16"])
def test_what_was_made_is_read(stored: str, tmp_path: Path) -> None:
    origin = replace(ORIGIN, stored_in=stored)
    kept = KeptHidden(tmp_path, origin)
    assert kept.stored_bytes == 10 * 4 * (4 if stored == "float32" else 2)
    first = kept.hidden(batch(2, 0), made)
    assert first.dtype is torch.float32
    kept.flush()
    again = KeptHidden(tmp_path, origin)
    assert again.share == pytest.approx(2 / 3)
    found = again.hidden(batch(0, 2), never)
    assert found[0, :3].equal(first[1, :3])
    assert found[1, :2].equal(first[0, :2])
    assert not found[0, 3:].any()
    if stored == "float32":
        assert first.equal(made(batch(2, 0).ids))


def test_what_was_not_flushed_is_made_again(tmp_path: Path) -> None:
    KeptHidden(tmp_path, ORIGIN).hidden(batch(1), made)
    assert KeptHidden(tmp_path, ORIGIN).share == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data_sha256": "other"}, "other data"),
        ({"base_sha256": "other"}, "another base"),
        ({"quantization": "4bit"}, "a base in other bits"),
        ({"lengths": (3, 5)}, "other lengths"),
        ({"stored_in": "float16"}, "another precision"),
    ],
)
def test_those_of_something_else_are_refused(
    change: dict[str, object], words: str, tmp_path: Path
) -> None:
    KeptHidden(tmp_path, ORIGIN)
    with pytest.raises(UsageError, match=words):
        KeptHidden(tmp_path, replace(ORIGIN, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", ["lm_head", "model.layers.0.self_attn.q_proj"])
def test_those_of_a_base_that_has_learnt_since_are_refused(weight: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert run(settings(tmp_path, max_steps=1, keep_hidden=kept)) == 0
    base = shutil.copytree(TINY_LLAMA, tmp_path / TINY_LLAMA.name)
    enlarge(base, f"{weight}.weight")
    again = settings(
        tmp_path, output=tmp_path / "again", max_steps=1, keep_hidden=kept, base_model=str(base)
    )
    with pytest.raises(UsageError, match="holds hidden states of another base: delete it, or"):
        run(again)


def test_other_files_and_damage_are_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"other files \(notes\.txt\)"):
        KeptHidden(tmp_path, ORIGIN)
    folder = tmp_path / "kept"
    KeptHidden(folder, ORIGIN)
    (folder / "kept-hidden.json").write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        KeptHidden(folder, ORIGIN)


@pytest.mark.parametrize("name", ["kept-hidden.bin", "kept-hidden.sums"])
@pytest.mark.parametrize("is_gone", [True, False])
def test_what_was_cut_short_is_made_anew(
    name: str, is_gone: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = KeptHidden(tmp_path, ORIGIN)
    first = kept.hidden(batch(0, 1, 2), made)
    kept.flush()
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:-1])
    if is_gone:
        file.unlink()
    again = KeptHidden(tmp_path, ORIGIN)
    assert "is cut short" in capsys.readouterr().err
    assert again.share == 0
    assert again.hidden(batch(0, 1, 2), made).equal(first)
    again.flush()
    whole = KeptHidden(tmp_path, ORIGIN)
    assert whole.share == 1
    assert whole.hidden(batch(1), never)[0, :5].equal(first[1, :5])


def test_what_is_not_as_it_was_written_is_made_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = KeptHidden(tmp_path, ORIGIN)
    first = kept.hidden(batch(0, 1, 2), made)
    kept.flush()
    file = tmp_path / "kept-hidden.bin"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    again = KeptHidden(tmp_path, ORIGIN)
    assert again.hidden(batch(1), never)[0, :5].equal(first[1, :5])
    assert not capsys.readouterr().err
    anew = again.hidden(batch(1, 2), made)
    assert "are damaged, and made anew" in capsys.readouterr().err
    again.flush()
    mended = KeptHidden(tmp_path, ORIGIN).hidden(batch(2), never)
    assert mended[0, :2].equal(anew[1, :2])


def test_a_disk_that_is_full_ends_the_keeping_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = replace(ORIGIN, lengths=(8, 8), hidden=64)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept = KeptHidden(tmp_path, origin)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 64 * 4, hard))
    try:
        for _ in range(2):
            found = kept.hidden(batch(0, 1), lambda ids: torch.ones(*ids.shape, 64))
            assert found.equal(torch.ones(2, 16, 64))
        kept.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert capsys.readouterr().err.count("No more hidden states can be kept") == 1
    assert KeptHidden(tmp_path, origin).share == 0.5


def test_a_disk_without_room_is_told_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage(100))
    with pytest.raises(ModelError, match="needs 160 B of disk, and 100 B are free"):
        KeptHidden(tmp_path, ORIGIN)


def test_heads_are_the_same_and_the_base_runs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    passes: list[int] = []
    final_hidden = base_module.final_hidden

    def counted(model: object, output: object, ids: Tensor) -> Tensor:
        passes.append(len(ids))
        return final_hidden(model, output, ids)

    monkeypatch.setattr(base_module, "final_hidden", counted)
    options = {"epochs": 3, "held_out": 0.0}
    assert run(settings(tmp_path, output=tmp_path / "plain", **options)) == 0
    assert sum(passes) == 3 * 64
    passes.clear()
    keeping = {**options, "keep_hidden": tmp_path / "kept"}
    assert run(settings(tmp_path, output=tmp_path / "kept-heads", **keeping)) == 0
    assert sum(passes) == 64
    passes.clear()
    assert run(settings(tmp_path, output=tmp_path / "again", **keeping)) == 0
    assert passes == []
    assert "100% of them there" in capsys.readouterr().err
    plain, kept, again = (
        load_file(tmp_path / name / "medusa_lm_head.safetensors")
        for name in ("plain", "kept-heads", "again")
    )
    for name, tensor in plain.items():
        # Of other batches' rounding, which optimizers that divide by small gradients enlarge.
        torch.testing.assert_close(kept[name], tensor, rtol=1e-3, atol=5e-4)
        torch.testing.assert_close(again[name], tensor, rtol=1e-3, atol=5e-4)
