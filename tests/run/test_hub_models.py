"""Every layout, from a Hub on loopback to an answer: fetched, loaded in 32 to 4 bits, decoded."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece
import torch
from command_line import Call
from hub_models import BASE, LAYOUTS, save_wide_base, save_zephyr
from loopback_hub import Hub
from models.hub.conftest import hub as hub
from safetensors.torch import load_file
from tiny_models import Trap, save_base

MODEL = "somebody/model"
GREEDY = ("--temperature", "0", "--ignore-eos", "--max-new-tokens", "16", "--json")
ZEPHYR = "somebody/medusa-1.0-zephyr-7b-beta"

Saved = Callable[[str], Path]
"""Takes a layout's name and returns its folder."""

quantizes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Return a function that saves a layout, once, and returns its folder."""
    root = tmp_path_factory.mktemp("layouts")
    base = save_wide_base(root / "base")

    def save(layout: str) -> Path:
        folder = root / layout
        if layout == "zephyr" and not folder.exists():
            save_zephyr(folder)
        elif not folder.exists():
            LAYOUTS[layout](folder, base)
        return folder

    return save


@pytest.fixture(autouse=True)
def base(hub: Hub, saved: Saved) -> None:
    """Put the base on the Hub."""
    hub.folders[BASE] = saved("base")


def base_option(layout: str) -> tuple[str, ...]:
    # vLLM's configuration has no place for the base's name.
    return ("--base-model", BASE) if layout.startswith("vllm") else ()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, hub: Hub, call: Call, saved: Saved) -> None:
    hub.folders[MODEL] = saved(layout)
    options = ("run", "Hello", "--model", MODEL, *base_option(layout), *GREEDY)
    outcome = call(*options)
    record = outcome.record
    assert f"Fetched {MODEL}." in outcome.err
    assert record["mode"] == "medusa"
    assert ("the model has no Medusa heads" in outcome.err) == (layout == "plain")
    hub.requests.clear()
    again = call(*options, "--no-medusa")
    assert again.record["token_ids"] == record["token_ids"]
    assert again.err == ""
    assert hub.requests == []


@pytest.mark.parametrize("layout", ["v0.1", "shared", "merged", "vllm", "plain", "zephyr"])
def test_precisions(layout: str, hub: Hub, call: Call, saved: Saved) -> None:
    hub.folders[MODEL] = saved(layout)
    model = ("run", "Hello", "--model", MODEL, *base_option(layout))
    options = [("--dtype", "bfloat16"), ("--heads-in-8bit",)]
    if importlib.util.find_spec("bitsandbytes") is not None:
        options += [("--load-in-8bit",), ("--load-in-4bit",), ("--load-in-4bit", "--heads-in-8bit")]
    for option in options:
        record = call(*model, *option, *GREEDY).record
        assert record["mode"] == "medusa"
        assert len(record["token_ids"]) == 16


def test_the_published_zephyrs_shape(hub: Hub, call: Call, saved: Saved) -> None:
    from transformers import AutoModelForCausalLM

    folder = saved("zephyr")
    assert {file.name for file in folder.glob("*.bin*")} == {
        "pytorch_model-00001-of-00002.bin",
        "pytorch_model-00002-of-00002.bin",
        "pytorch_model.bin.index.json",
    }
    assert not (folder / "tokenizer.json").exists()
    hub.folders[ZEPHYR] = folder
    prompt = "You may  not remove\n this license, é"
    options = ("run", prompt, "--raw", "--model", ZEPHYR, *GREEDY)
    outcome = call(*options)
    record = outcome.record
    assert "256 of 1024" in outcome.err
    assert record["mode"] == "medusa"
    assert call(*options, "--no-medusa").record["token_ids"] == record["token_ids"]
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    ids = [1, *pieces.encode(prompt)]
    assert record["prompt_tokens"] == len(ids)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    expected = model.generate(
        torch.tensor([ids]), max_new_tokens=16, do_sample=False, eos_token_id=-1, pad_token_id=0
    )
    assert record["token_ids"] == expected[0, len(ids) :].tolist()


def test_the_published_zephyrs_shape_is_chatted_with(hub: Hub, call: Call, saved: Saved) -> None:
    hub.folders[ZEPHYR] = saved("zephyr")
    outcome = call("run", "Hello", "--model", ZEPHYR, *GREEDY)
    assert len(outcome.record["token_ids"]) == 16
    assert "no chat template" not in outcome.err


@pytest.mark.parametrize("layout", ["v0.1-pickle", "merged-bin-shards"])
def test_pickles_with_code_are_refused(
    layout: str, hub: Hub, call: Call, saved: Saved, tmp_path: Path
) -> None:
    folder = tmp_path / "trapped"
    shutil.copytree(saved(layout), folder)
    sprung = tmp_path / "sprung"
    pickle = sorted([*folder.glob("*.pt"), *folder.glob("*.bin")])[-1]
    tensors = torch.load(pickle, weights_only=True)
    torch.save(dict.fromkeys(tensors, Trap(sprung)), pickle)
    hub.folders[MODEL] = folder
    message = call("run", "Hello", "--model", MODEL)
    assert message.status == 1
    assert "code instead of tensors" in message.err
    assert not sprung.exists()


@pytest.mark.parametrize("architecture", ["known", "unknown"])
def test_a_repositorys_own_program_is_never_run(
    architecture: str, hub: Hub, call: Call, saved: Saved, tmp_path: Path
) -> None:
    folder = tmp_path / "programmed"
    shutil.copytree(saved("base"), folder)
    config = json.loads((folder / "config.json").read_text())
    auto = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.Own"}
    config |= {"auto_map": auto, "architectures": ["Own"]}
    if architecture == "unknown":
        config["model_type"] = "own"
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer["auto_map"] = {"AutoTokenizer": ["modeling_own.OwnTokenizer", None]}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    sprung = tmp_path / "sprung"
    (folder / "modeling_own.py").write_text(f"open({str(sprung)!r}, 'w')\n")
    hub.folders[MODEL] = folder
    outcome = call("run", "Hello", "--model", MODEL, *GREEDY)
    assert not sprung.exists()
    if architecture == "known":
        assert len(outcome.record["token_ids"]) == 16
    else:
        assert "program of its own" in outcome.err
        assert outcome.status == 1
    # And where somebody has put it beside the model.
    assert call("run", "Hello", "--model", str(folder), *GREEDY).status == outcome.status
    assert not sprung.exists()


@quantizes
def test_width_that_four_bits_cannot_have(hub: Hub, call: Call, tmp_path: Path) -> None:
    hub.folders[MODEL] = save_base(tmp_path / "narrow", "llama", hidden_size=96)
    message = call("run", "Hello", "--model", MODEL, "--load-in-4bit", *GREEDY)
    assert message.status == 1
    assert "96 wide" in message.err
    assert "--load-in-8bit" in message.err
    assert (
        len(call("run", "Hello", "--model", MODEL, "--load-in-8bit", *GREEDY).record["token_ids"])
        == 16
    )


def test_more_rows_than_the_tokenizer_has(hub: Hub, call: Call, saved: Saved) -> None:
    """Embeddings padded to a round number: tokens that have no text can be drawn."""
    hub.folders[MODEL] = save_base(saved("base").with_name("padded"), "llama", vocab_size=640)
    record = call("run", "Hello", "--model", MODEL, *GREEDY).record
    assert max(record["token_ids"]) >= 512
    assert len(record["token_ids"]) == 16


def test_tied_output_matrix(hub: Hub, call: Call, tmp_path: Path) -> None:
    folder = save_base(tmp_path / "tied", "llama", hidden_size=128, tie_word_embeddings=True)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    hub.folders[MODEL] = folder
    assert len(call("run", "Hello", "--model", MODEL, *GREEDY).record["token_ids"]) == 16


def test_model_that_is_not_on_the_hub(hub: Hub, call: Call) -> None:
    assert MODEL in call("run", "Hello", "--model", MODEL).said(1)
    message = call("run", "Hello", "--model", BASE, "--base-model", "no/base").said(1)
    assert "no/base" in message


def test_base_of_own_heads_is_fetched_alone(hub: Hub, call: Call, saved: Saved) -> None:
    outcome = call("run", "Hello", "--model", str(saved("v0.1")), *GREEDY)
    assert f"Fetched {BASE}." in outcome.err
    assert outcome.record["mode"] == "medusa"
