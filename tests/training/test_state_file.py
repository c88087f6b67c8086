"""State files: what comes back, and what is told to be damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from medusa_chat.training.state_file import DamagedStateError, read_state, write_state

TENSORS = {
    "b": torch.arange(6, dtype=torch.float32).view(2, 3),
    "a": torch.ones(3, dtype=torch.bfloat16),
    "count": torch.tensor(7.0),
    "none": torch.empty(0, 4),
}
WORDS = {"steps": "6", "marks": '{"stale": 1}'}


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "state"
    write_state(file, {**TENSORS, "b": TENSORS["b"].t().contiguous().t().contiguous()}, WORDS)
    tensors, words = read_state(file)
    assert words == WORDS
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype is tensor.dtype
        assert tensors[name].equal(tensor)


def test_any_other_byte_is_told_or_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "state"
    write_state(file, TENSORS, WORDS)
    whole = file.read_bytes()
    told = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x04
        file.write_bytes(damaged)
        try:
            tensors, words = read_state(file)
        except DamagedStateError:
            told += 1
            continue
        # A letter of the checksum's own name, say: then it is not looked for.
        assert {name: words[name] for name in WORDS} == WORDS, place
        assert all(tensors[name].equal(tensor) for name, tensor in TENSORS.items()), place
    assert told > 0.95 * len(whole)


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_file_cut_short_is_told(length: int, tmp_path: Path) -> None:
    file = tmp_path / "state"
    write_state(file, TENSORS, WORDS)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(DamagedStateError):
        read_state(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DamagedStateError, match="No such file"):
        read_state(tmp_path / "state")


def test_one_without_a_checksum_is_read(tmp_path: Path) -> None:
    file = tmp_path / "state"
    save_file(TENSORS, file, metadata=WORDS)
    assert read_state(file)[1] == WORDS
    save_file(TENSORS, file)
    assert read_state(file)[1] == {}
