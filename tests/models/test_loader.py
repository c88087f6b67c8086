from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from golden_data import GOLDEN, TINY_LLAMA, tiny_llama
from safetensors.torch import load_file
from tiny_models import by_name, copy_tokenizer, random_heads, save_base, save_heads, save_weights
from torch import Tensor

from medusa_chat.models import weight_progress
from medusa_chat.models.loader import LoadedModel, load
from medusa_chat.settings import ModelSettings

from .loading import PROMPT, loaded, refusal, reply

V01 = GOLDEN / "medusa/models/tiny-llama-heads-v01"
SHARED = GOLDEN / "medusa/models/tiny-llama-heads-v2shared"


def assert_medusa_decodes(model: LoadedModel) -> None:
    assert model.plain_reason is None
    assert model.heads == 2
    plain = reply(model, [])
    assert len(plain) == 16
    assert reply(model, [[0], [1], [0, 0], [0, 1]]) == plain


@pytest.fixture
def base_tensors() -> dict[str, Tensor]:
    return load_file(TINY_LLAMA / "model.safetensors")


def heads_of(base: Path) -> Path:
    """Save heads beside ``base``, which they name by a relative path."""
    folder = base.with_name("heads")
    return save_heads(folder, random_heads(), base_model_name_or_path=f"../{base.name}")


@pytest.mark.parametrize(
    ("model_type", "options"),
    [
        ("llama", {}),
        ("mistral", {"num_key_value_heads": 2, "sliding_window": None}),
        ("qwen2", {"num_key_value_heads": 2}),
        ("qwen3", {"num_key_value_heads": 2, "head_dim": 16}),
        ("gpt_neox", {}),
        ("gemma", {"num_key_value_heads": 1, "head_dim": 16}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_architectures(model_type: str, options: dict[str, int], tmp_path: Path) -> None:
    model = loaded(heads_of(save_base(tmp_path / model_type, model_type, **options)))
    assert_medusa_decodes(model)
    assert model.notices == ()
    assert model.decoder.forward.context_tokens == 256
    assert (model.dtype, model.device) == ("float32", "cpu")


def test_sliding_window_ends_the_context(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "mistral", num_key_value_heads=2, sliding_window=64)
    model = loaded(heads_of(base))
    assert model.decoder.forward.context_tokens == 64
    assert any("64 of 256" in notice for notice in model.notices)
    assert_medusa_decodes(model)


def test_model_that_cannot_check_trees_runs_plain(tmp_path: Path) -> None:
    model = loaded(heads_of(save_base(tmp_path / "base", "bloom", n_head=4, n_layer=2)))
    assert model.heads == 0
    assert model.plain_reason is not None
    assert "BloomForCausalLM" in model.plain_reason
    assert len(reply(model, [])) == 16


@pytest.mark.parametrize("folder", [V01, SHARED], ids=["own", "shared"])
def test_golden_heads_load_beside_their_base(folder: Path) -> None:
    model = loaded(folder)
    assert model.heads == 4
    assert model.base_name == "../tiny-llama"
    plain = reply(model, [])
    assert reply(model, [[0], [0, 0], [0, 0, 0], [0, 0, 0, 0], [1]]) == plain
    expected = tiny_llama().generate(
        torch.tensor([PROMPT]), max_new_tokens=16, do_sample=False, eos_token_id=-1, pad_token_id=0
    )
    assert plain == expected[0, len(PROMPT) :].tolist()


def test_relative_base_counts_from_the_heads_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    nested = tmp_path / "models/heads"
    shutil.copytree(TINY_LLAMA, nested / "inside/base")
    save_heads(nested, random_heads(96), base_model_name_or_path="inside/base")
    assert loaded(nested).heads == 2


def test_base_model_option_overrides_the_config(tmp_path: Path) -> None:
    heads = save_heads(tmp_path / "heads", random_heads(96), base_model_name_or_path="../gone")
    message = refusal(heads)
    assert "../gone" in message
    assert "--base-model" in message
    model = loaded(heads, base_model=str(TINY_LLAMA))
    assert model.base_name == str(TINY_LLAMA)
    assert model.heads == 2


def test_heads_that_name_no_base(tmp_path: Path) -> None:
    heads = save_heads(tmp_path / "heads", random_heads(96))
    assert "--base-model" in refusal(heads)


@pytest.mark.parametrize("vocabulary", [512, None], ids=["own", "shared"])
@pytest.mark.parametrize(("form", "shards"), [("safetensors", 1), ("safetensors", 3), ("bin", 2)])
def test_merged_model(
    form: str, shards: int, vocabulary: int | None, tmp_path: Path, base_tensors: dict[str, Tensor]
) -> None:
    folder = tmp_path / "any name"
    heads = by_name(random_heads(96, vocabulary))
    merged = base_tensors | {f"medusa_head.{name}": tensor for name, tensor in heads.items()}
    save_weights(folder, merged, form, shards)
    shutil.copy(TINY_LLAMA / "config.json", folder)
    copy_tokenizer(folder)
    assert_medusa_decodes(loaded(folder))


def test_base_without_heads(tmp_path: Path) -> None:
    model = loaded(TINY_LLAMA)
    assert model.heads == 0
    assert model.plain_reason is None
    assert len(reply(model, [])) == 16


@pytest.mark.parametrize(
    ("hidden", "vocabulary", "numbers"),
    [(64, 512, ("64", "96")), (64, None, ("64", "96")), (96, 32_000, ("32000", "512"))],
)
def test_heads_of_another_base(
    hidden: int, vocabulary: int | None, numbers: tuple[str, str], tmp_path: Path
) -> None:
    heads = save_heads(
        tmp_path / "heads",
        random_heads(hidden, vocabulary),
        base_model_name_or_path=str(TINY_LLAMA),
    )
    message = refusal(heads)
    assert all(number in message for number in numbers)
    assert "--base-model" in message


def test_stages_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_progress, "_REPORT_SECONDS", 0)
    stages: list[tuple[str, float | None]] = []
    load(ModelSettings(str(V01)), lambda *stage: stages.append(stage))
    weights = "Loading the weights"
    fractions = [done for stage, done in stages if stage == weights]
    assert fractions[0] is None
    assert fractions[1] == 0
    assert fractions[-1] == 1
    assert len(fractions) > 10
    assert fractions[1:] == sorted(done for done in fractions if done is not None)
    assert stages[-1] == ("Checking that it decodes trees", None)


def test_dtype(tmp_path: Path) -> None:
    model = loaded(V01, dtype="bfloat16")
    assert model.dtype == "bfloat16"
    assert len(reply(model, [[0], [0, 0]])) == 16


def test_ends_of_text_come_from_every_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(TINY_LLAMA, folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 9]}))
    assert loaded(folder).format.eos_ids == {2, 7, 9}
