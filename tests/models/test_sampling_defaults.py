from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medusa_chat.models.sampling_defaults import read_defaults
from medusa_chat.settings import DecodeSettings, SamplingDefaults

SILENT = SamplingDefaults()


def defaults(folder: Path, config: Any) -> SamplingDefaults:
    (folder / "generation_config.json").write_text(json.dumps(config), "utf-8")
    return read_defaults(folder)


def test_what_the_authors_say(tmp_path: Path) -> None:
    qwen = {
        "do_sample": True,
        "eos_token_id": [151645, 151643],
        "repetition_penalty": 1.1,
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "transformers_version": "4.37.0",
    }
    assert defaults(tmp_path, qwen) == SamplingDefaults(0.7, 0.8, 20, 1.1)
    # Vicuna's names a temperature without do_sample.
    assert defaults(tmp_path, {"temperature": 0.9, "top_p": 0.6}) == SamplingDefaults(0.9, 0.6)
    assert defaults(tmp_path, {"eos_token_id": 2}) == SILENT


def test_no_sampling_is_greedy(tmp_path: Path) -> None:
    config = {"do_sample": False, "temperature": 0.7, "top_p": 0.8, "repetition_penalty": 1.2}
    assert defaults(tmp_path, config) == SamplingDefaults(temperature=0.0, repetition_penalty=1.2)


@pytest.mark.parametrize("value", [-1, "0.7", None, True, [], float("nan"), float("inf"), 10**400])
def test_values_out_of_range_are_left_out(tmp_path: Path, value: Any) -> None:
    names = ("temperature", "top_p", "top_k", "repetition_penalty")
    for name in names:
        assert defaults(tmp_path, {"do_sample": True, name: value}) == SILENT


def test_values_at_the_edge(tmp_path: Path) -> None:
    assert defaults(tmp_path, {"top_p": 0, "repetition_penalty": 0, "top_k": 2.5}) == SILENT
    assert defaults(tmp_path, {"top_p": 1.5}) == SILENT
    edge = defaults(tmp_path, {"temperature": 0, "top_p": 1, "top_k": 0, "repetition_penalty": 0.5})
    assert edge == SamplingDefaults(0.0, 1.0, 0, 0.5)
    # All of it can be used.
    DecodeSettings(temperature=0.0, top_p=1.0, top_k=0, repetition_penalty=0.5)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_file_says_nothing(tmp_path: Path, content: bytes) -> None:
    assert read_defaults(tmp_path) == SILENT
    (tmp_path / "generation_config.json").write_bytes(content)
    assert read_defaults(tmp_path) == SILENT
