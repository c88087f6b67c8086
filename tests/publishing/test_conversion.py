"""From any layout to any: the heads stay the same, and what must not be written is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import by_name, random_heads, save_base, save_heads, save_weights

from medusa_chat.errors import HubError, MedusaChatError, ModelError, UsageError
from medusa_chat.models.layout import is_heads_only, read_config, shards
from medusa_chat.publishing.settings import LAYOUTS, ConvertSettings, Layout
from publishing.converting import assert_same, convert, heads_in


@pytest.fixture
def heads(base: Path, tmp_path: Path) -> Path:
    """Heads of two layers with matrices of their own."""
    folder = tmp_path / "heads"
    return save_heads(folder, random_heads(layers=2), base_model_name_or_path="../base")


@pytest.fixture
def shared(base: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    return save_heads(folder, random_heads(vocabulary=None), base_model_name_or_path="../base")


@pytest.mark.parametrize("first", [one for one in LAYOUTS if one != "shared"])
@pytest.mark.parametrize("second", [one for one in LAYOUTS if one != "shared"])
def test_any_to_any(first: Layout, second: Layout, heads: Path, tmp_path: Path) -> None:
    convert(heads, first, tmp_path / "one")
    done = convert(tmp_path / "one", second, tmp_path / "two")
    assert_same(heads_in(tmp_path / "two"), random_heads(layers=2))
    assert done.tensors == 10 + (second == "merged") * len(load_file(_weights(tmp_path)))
    # Nothing but what was asked for is left behind.
    names = {"base", "heads", "one", "two"}
    assert {one.name for one in tmp_path.iterdir()} == names


def _weights(folder: Path) -> Path:
    return folder / "base/model.safetensors"


@pytest.mark.parametrize("layout", [one for one in LAYOUTS if one != "shared"])
def test_shared_heads_and_back(layout: Layout, shared: Path, tmp_path: Path) -> None:
    convert(shared, layout, tmp_path / "there")
    done = convert(
        tmp_path / "there", "shared", tmp_path / "back", base_model=str(tmp_path / "base")
    )
    assert done.heads.output_weight is None
    assert_same(heads_in(tmp_path / "back"), random_heads(vocabulary=None))
    assert read_config(tmp_path / "back")["version"] == "2"


def test_merged_is_the_base_and_the_heads(heads: Path, base: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    # FasterDecoding/Medusa at e2a5d20, medusa/model/medusa_model.py: MedusaModelABC is the base's
    # class with a ModuleList medusa_head; its config has medusa_num_heads and medusa_num_layers
    # beside the base's own fields, and [ResBlock] * layers is one block several times.
    done = convert(heads, "merged", tmp_path / "merged")
    assert any("would read these heads wrongly" in notice for notice in done.notices)
    folder = tmp_path / "merged"
    assert {name for name in shards_names(folder) if name.startswith("medusa_head.")} == {
        *(f"medusa_head.{head}.{layer}.linear.weight" for head in (0, 1) for layer in (0, 1)),
        *(f"medusa_head.{head}.{layer}.linear.bias" for head in (0, 1) for layer in (0, 1)),
        *(f"medusa_head.{head}.2.weight" for head in (0, 1)),
    }
    files = shards(folder / "model.safetensors.index.json")
    assert sorted(files) == [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    assert all(load_file(folder / file).keys() == set(names) for file, names in files.items())
    config = read_config(folder)
    assert (config["medusa_num_heads"], config["medusa_num_layers"]) == (2, 2)
    assert "base_model_name_or_path" not in config  # a folder of this machine is nobody else's
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert (folder / "tokenizer.json").is_file()
    assert not is_heads_only(folder)
    ids = torch.tensor([[1, 5, 9]])
    logits = [AutoModelForCausalLM.from_pretrained(one)(ids).logits for one in (base, folder)]
    assert torch.equal(*logits)


def shards_names(folder: Path) -> list[str]:
    files = shards(folder / "model.safetensors.index.json")
    return [name for names in files.values() for name in names]


@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_shards_stay_shards(form: str, heads: Path, base: Path, tmp_path: Path) -> None:
    stored = load_file(base / "model.safetensors")
    (base / "model.safetensors").unlink()
    save_weights(base, stored, form, shards=3)
    convert(heads, "merged", tmp_path / "merged")
    files = shards(tmp_path / "merged/model.safetensors.index.json")
    assert len(files) == 4
    written = {k: v for file in files for k, v in load_file(tmp_path / "merged" / file).items()}
    assert {name for name in written if not name.startswith("medusa_head.")} == stored.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in stored.items())


def test_a_merged_model_comes_apart(heads: Path, base: Path, tmp_path: Path) -> None:
    convert(heads, "merged", tmp_path / "merged")
    done = convert(tmp_path / "merged", "v0.1", tmp_path / "apart", with_base=True)
    assert done.base_name == "./base"
    alone = load_file(tmp_path / "apart/base/model.safetensors")
    stored = load_file(base / "model.safetensors")
    assert alone.keys() == stored.keys()
    assert all(torch.equal(alone[name], tensor) for name, tensor in stored.items())
    config = read_config(tmp_path / "apart/base")
    assert "medusa_num_heads" not in config
    shutil.rmtree(base)
    again = convert(tmp_path / "apart", "merged", tmp_path / "again")
    assert_same(again.heads, random_heads(layers=2))


def test_a_merged_model_of_pickles_comes_apart(base: Path, tmp_path: Path) -> None:
    # As FasterDecoding/medusa-v1.0-vicuna-7b-v1.5 is published.
    stored = load_file(base / "model.safetensors")
    folder = tmp_path / "merged"
    shutil.copytree(base, folder)
    (folder / "model.safetensors").unlink()
    own = by_name(random_heads())
    merged = stored | {f"medusa_head.{name}": tensor for name, tensor in own.items()}
    save_weights(folder, merged, "bin", shards=2)
    done = convert(folder, "v0.1", tmp_path / "apart", with_base=True)
    assert done.tensors == len(own) + len(stored)
    files = shards(tmp_path / "apart/base/model.safetensors.index.json")
    assert len(files) == 2
    alone = {k: v for file in files for k, v in load_file(tmp_path / "apart/base" / file).items()}
    assert alone.keys() == stored.keys()
    assert all(torch.equal(alone[name], tensor) for name, tensor in stored.items())
    written = load_file(tmp_path / "apart/medusa_lm_head.safetensors")
    assert written.keys() == own.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in own.items())


def test_tied_weights_of_a_pickle(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "llama", tie_word_embeddings=True)
    stored = load_file(base / "model.safetensors")
    (base / "model.safetensors").unlink()
    # One storage under two names, as torch.save keeps it.
    tied = stored | {"lm_head.weight": stored["model.embed_tokens.weight"]}
    torch.save(tied, base / "pytorch_model.bin")
    heads = save_heads(tmp_path / "heads", random_heads(), base_model_name_or_path="../base")
    done = convert(heads, "merged", tmp_path / "merged")
    assert done.tensors == len(tied) + 6


def test_dtype(heads: Path, tmp_path: Path) -> None:
    convert(heads, "merged", tmp_path / "merged", dtype="bfloat16")
    files = shards(tmp_path / "merged/model.safetensors.index.json")
    tensors = [one for file in files for one in load_file(tmp_path / "merged" / file).values()]
    assert {tensor.dtype for tensor in tensors} == {torch.bfloat16}
    config = read_config(tmp_path / "merged")
    assert {config.get(name) for name in ("dtype", "torch_dtype")} <= {"bfloat16", None}
    assert "bfloat16" in (config.get("dtype"), config.get("torch_dtype"))


def test_dtype_of_a_quantised_base(heads: Path, base: Path, tmp_path: Path) -> None:
    config = read_config(base) | {"quantization_config": {"quant_method": "gptq"}}
    (base / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(UsageError, match="is quantised: --dtype"):
        convert(heads, "merged", tmp_path / "merged", dtype="float16")
    assert not (tmp_path / "merged").exists()


def test_the_base_s_name_holds_from_the_new_folder(heads: Path, tmp_path: Path) -> None:
    convert(heads, "v0.1", tmp_path / "beside")
    assert read_config(tmp_path / "beside")["base_model_name_or_path"] == "../base"
    (tmp_path / "elsewhere").mkdir()
    convert(heads, "v0.1", tmp_path / "elsewhere/new")
    name = read_config(tmp_path / "elsewhere/new")["base_model_name_or_path"]
    assert name == str(tmp_path / "base")
    convert(heads, "v0.1", tmp_path / "named", base_model="somebody/base")
    assert read_config(tmp_path / "named")["base_model_name_or_path"] == "somebody/base"


def test_the_base_is_not_needed_where_nothing_of_it_is_written(
    heads: Path, base: Path, tmp_path: Path
) -> None:
    shutil.rmtree(base)
    for layout in ("v0.1", "tgi", "vllm", "tensorrt-llm"):
        convert(heads, layout, tmp_path / layout, base_model="somebody/base")
        assert_same(heads_in(tmp_path / layout), random_heads(layers=2))


def test_a_base_of_the_hub_that_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    heads = save_heads(
        tmp_path / "heads", random_heads(vocabulary=None), base_model_name_or_path="no/such"
    )
    with pytest.raises(HubError, match=r"no/such .*medusa-chat models pull"):
        convert(heads, "v0.1", tmp_path / "new")


def test_a_model_without_heads(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no Medusa heads"):
        convert(base, "v0.1", tmp_path / "new")


def test_heads_that_do_not_name_their_base(tmp_path: Path) -> None:
    heads = save_heads(tmp_path / "heads", random_heads())
    with pytest.raises(ModelError, match="--base-model"):
        convert(heads, "v0.1", tmp_path / "new")


def test_an_output_that_is_there(heads: Path, tmp_path: Path) -> None:
    output = tmp_path / "new"
    convert(heads, "v0.1", output)
    before = (output / "config.json").read_bytes()
    with pytest.raises(UsageError, match="holds a model: --force"):
        convert(heads, "vllm", output)
    assert (output / "config.json").read_bytes() == before
    convert(heads, "vllm", output, force=True)
    assert {file.name for file in output.iterdir()} == {"config.json", "model.safetensors"}


def test_what_is_no_model_is_never_replaced(heads: Path, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/one.txt").write_text("Dear")
    with pytest.raises(UsageError, match="holds no model, so it is never replaced"):
        convert(heads, "v0.1", tmp_path / "letters", force=True)
    assert (tmp_path / "letters/one.txt").read_text() == "Dear"
    with pytest.raises(UsageError, match="is a file"):
        convert(heads, "v0.1", tmp_path / "letters/one.txt", force=True)


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("name", ["heads", "base", "."])
def test_what_it_is_made_of_is_never_replaced(
    name: str, is_named: bool, heads: Path, base: Path, tmp_path: Path
) -> None:
    named = str(base) if is_named else None
    with pytest.raises(UsageError, match="name another folder"):
        convert(heads, "merged", tmp_path / name, force=True, base_model=named)
    assert (base / "model.safetensors").is_file()
    assert_same(heads_in(heads), random_heads(layers=2))


def test_what_reads_back_otherwise_is_not_kept(
    heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import torch as safetensors_torch

    def flipping(tensors: dict[str, torch.Tensor], file: Path, metadata: Any = None) -> None:
        name = min(tensors)
        changed = tensors | {name: tensors[name].clone()}
        changed[name].view(torch.uint8).flatten()[0] ^= 1
        safetensors_torch.save_file(changed, file, metadata=metadata)

    convert(heads, "v0.1", tmp_path / "new")
    for place in ("head_files", "model_files"):
        monkeypatch.setattr(f"medusa_chat.publishing.{place}.save_file", flipping)
    for layout in ("v0.1", "merged"):
        with pytest.raises(ModelError, match=r"cannot be trusted, since tensor .* differs"):
            convert(heads, layout, tmp_path / "new", force=True)
    # What was there before is there still, and nothing else.
    assert_same(heads_in(tmp_path / "new"), random_heads(layers=2))
    assert {one.name for one in tmp_path.iterdir()} == {"base", "heads", "new"}


def test_what_cannot_take_its_name_gives_the_old_one_back(
    heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(heads, "v0.1", tmp_path / "new")
    replace = Path.replace

    def refusing(self: Path, target: Path) -> Path:
        if target == tmp_path / "new" and self.name == "new":
            raise PermissionError(13, "Permission denied")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    with pytest.raises(ModelError, match="Permission denied"):
        convert(heads, "vllm", tmp_path / "new", force=True)
    monkeypatch.undo()
    assert_same(heads_in(tmp_path / "new"), random_heads(layers=2))
    assert {one.name for one in tmp_path.iterdir()} == {"base", "heads", "new"}


def test_the_folder_that_one_is_in(
    heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    convert(heads, "v0.1", Path())
    assert_same(heads_in(tmp_path / "here"), random_heads(layers=2))
    assert read_config(tmp_path / "here")["base_model_name_or_path"] == "../base"


@pytest.mark.parametrize("options", [{"hidden_size": 32}, {"vocab_size": 500}])
def test_heads_of_another_base_are_not_merged(
    options: dict[str, int], heads: Path, tmp_path: Path
) -> None:
    other = save_base(tmp_path / "other", "llama", **options)
    with pytest.raises(ModelError, match="name their own base with --base-model"):
        convert(heads, "merged", tmp_path / "new", base_model=str(other))


def test_a_full_disk(heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    with pytest.raises(ModelError, match=r"needs .* and 100 MB to spare, and 1\.00 kB are free"):
        convert(heads, "v0.1", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_disk_that_does_not_write(
    heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any, **_options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medusa_chat.publishing.head_files.save_file", full)
    with pytest.raises(ModelError, match=r"cannot be written.*No space left"):
        convert(heads, "v0.1", tmp_path / "new")
    assert {one.name for one in tmp_path.iterdir()} == {"base", "heads"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vocabulary": 9}, "need each other"),
        ({"vocabulary_from": Path("chats.jsonl")}, "need each other"),
        ({"vocabulary": 0, "vocabulary_from": Path("x"), "layout": "vllm"}, "out of range"),
        ({"vocabulary": 9, "vocabulary_from": Path("x")}, "needs --to vllm"),
        ({"with_base": True, "layout": "merged"}, "--with-base says nothing new"),
        ({"source": " "}, "is empty"),
    ],
)
def test_options_that_contradict(options: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"source": "heads", "layout": "v0.1", "output": Path("new")} | options
    with pytest.raises(MedusaChatError, match=words):
        ConvertSettings(**given)
