"""Wrong options, prompts and models: a message of one or two lines, 2 for usage and 1 otherwise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_line import HEADS, Call
from golden_data import GOLDEN, TINY_LLAMA
from tiny_models import random_heads, save_heads


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--temperature", "-0.1"], ["--temperature", "-0.1"]),
        (["--temperature", "nan"], ["--temperature", "nan"]),
        (["--temperature", "inf"], ["--temperature", "inf"]),
        (["--temperature", "warm"], ["--temperature", "warm"]),
        (["--top-p", "0"], ["--top-p", "0"]),
        (["--top-p", "1.01"], ["--top-p", "1.01"]),
        (["--top-p", "nan"], ["--top-p", "nan"]),
        (["--top-k", "-1"], ["--top-k", "-1"]),
        (["--seed", "-1"], ["--seed", "-1"]),
        (["--seed", str(2**63)], ["--seed", str(2**63)]),
        (["--max-new-tokens", "0"], ["--max-new-tokens", "0"]),
        (["--tree-size", "0"], ["--tree-size", "0"]),
        (["--tree-size", "129"], ["--tree-size", "129", "128"]),
        (["--posterior-threshold", "1.5"], ["--posterior-threshold", "1.5"]),
        (["--posterior-alpha", "-1"], ["--posterior-alpha", "-1"]),
        (["--acceptance", "lenient"], ["--acceptance", "lenient"]),
        (["--dtype", "int3"], ["--dtype", "int3"]),
        (["--device", "tpu"], ["--device", "tpu"]),
        (["--device", "cuda:x"], ["--device", "cuda:x"]),
        (["--stop", ""], ["--stop"]),
        (["--model", ""], ["--model"]),
        (["--base-model", " "], ["--base-model"]),
        (["--tree", ""], ["--tree"]),
        (["--tree", "oak"], ["oak", "mc_sim_7b_63"]),
        (["--tree", "gone.json"], ["gone.json"]),
        (["--load-in-8bit", "--load-in-4bit"], ["--load-in-4bit"]),
        (["--load-in-8bit", "--load-in-fp8"], ["--load-in-fp8"]),
        (["--load-in-fp8", "--dtype", "float16"], ["--load-in-fp8", "float16"]),
        (["--no-such-option"], ["--no-such-option"]),
        (["--prompts", "x.jsonl"], ["--prompts"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_wrong_options(options: list[str], words: list[str], call: Call) -> None:
    # The model is not there: none of these gets as far as looking for one.
    message = call("run", "Hello", "--model", "/nowhere", *options).said(2)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("{}", "list of paths"),
        ("[0, 1]", "list of paths"),
        ("[[0], [0.5]]", "list of paths"),
        ("[[true]]", "list of paths"),
        ("[[0, 0]]", "no parent: add [0]"),
        ("[[0], [0]]", "twice"),
        ("[[-1]]", "[-1]"),
        ("[[]]", "[]"),
        (json.dumps([[rank] for rank in range(128)]), "129 nodes"),
        ("[[0], [0, 0], [0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0, 0]]", "5 deep"),
        ("[[511]]", None),
        ("[[512]]", "512"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_trees(content: str, words: str | None, run: Call, tmp_path: Path) -> None:
    file = tmp_path / "tree.json"
    file.write_text(content)
    outcome = run("Hello", "--tree", str(file), "--max-new-tokens", "3")
    if words is None:
        assert outcome.status == 0
    else:
        assert words in outcome.said(2)


def test_preset_deeper_than_the_heads(call: Call, tmp_path: Path) -> None:
    heads = save_heads(
        tmp_path / "two", random_heads(96, count=2), base_model_name_or_path=str(TINY_LLAMA)
    )
    message = call("run", "Hello", "--model", str(heads), "--tree", "mc_sim_7b_63").said(2)
    assert "4 deep" in message
    assert "2 heads" in message


@pytest.mark.parametrize("prompt", ["", " ", "\n\t "])
def test_empty_prompt(prompt: str, call: Call) -> None:
    for arguments in ((prompt,), ("-",), ()):
        outcome = call("run", *arguments, "--model", "/nowhere", stdin=prompt.encode())
        assert "empty" in outcome.said(2)


def test_stdin_that_is_not_utf8(call: Call) -> None:
    message = call("run", "--model", "/nowhere", stdin=b"abc\xffdef").said(1)
    assert "0xff" in message
    assert "offset 3" in message


def test_argument_that_is_not_utf8(run: Call) -> None:
    assert "UTF-8" in run("abc\udcff").said(2)


def test_prompt_longer_than_the_context(run: Call) -> None:
    message = run("word " * 2000).said(1)
    assert "512" in message


@pytest.mark.parametrize("path", ["/nowhere", "./nowhere", "nowhere/at/all"])
def test_model_that_does_not_exist(path: str, call: Call) -> None:
    assert path in call("run", "Hello", "--model", path).said(1)
    message = call("run", "Hello", "--model", HEADS, "--base-model", path).said(1)
    assert path in message


def test_model_that_is_not_on_this_machine(call: Call) -> None:
    # HF_HUB_OFFLINE is set for the tests.
    message = call("run", "Hello", "--model", "nobody/nothing").said(1)
    assert "nobody/nothing" in message
    assert "HF_HUB_OFFLINE" in message


@pytest.mark.parametrize("name", ["medusa_lm_head.pt", "medusa_lm_head.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_damaged_heads(name: str, damage: str, call: Call, tmp_path: Path) -> None:
    file = tmp_path / name
    content = (GOLDEN / "medusa/models/tiny-llama-heads-v01" / name).read_bytes()
    file.write_bytes(content[:1000] if damage == "cut" else b"\0" * 1000 + content[1000:])
    shutil.copy(Path(HEADS) / "config.json", tmp_path)
    message = call("run", "Hello", "--model", str(tmp_path), "--base-model", str(TINY_LLAMA))
    assert str(file) in message.said(1)


def test_heads_of_another_base(call: Call, tmp_path: Path) -> None:
    heads = save_heads(tmp_path, random_heads(64), base_model_name_or_path=str(TINY_LLAMA))
    message = call("run", "Hello", "--model", str(heads)).said(1)
    assert "64" in message
    assert "96" in message


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_cuda_without_one(device: str, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device in call("run", "Hello", "--model", HEADS, "--device", device).said(1)


@pytest.mark.parametrize("bits", ["8", "4"])
def test_quantization_without_bitsandbytes(
    bits: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "bitsandbytes" else find_spec(name, *rest),
    )
    option = f"--load-in-{bits}bit"
    message = call("run", "Hello", "--model", HEADS, option).said(1)
    assert option in message
    assert "pip install bitsandbytes" in message


def test_prompts_file_that_is_not_there(call: Call) -> None:
    assert "gone.jsonl" in call("run", "--prompts", "gone.jsonl").said(1)
