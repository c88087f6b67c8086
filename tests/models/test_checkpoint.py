from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from golden_data import GOLDEN, TINY_LLAMA, tiny_llama, tiny_llama_heads
from safetensors.torch import load_file
from tiny_models import by_name, random_heads, save_heads, save_weights
from torch import Tensor, nn
from torch.nn import functional

from medusa_chat.models.checkpoint import read_heads, stored_dtype, write_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.layout import is_heads_only

V01 = GOLDEN / "medusa/models/tiny-llama-heads-v01"
SHARED = GOLDEN / "medusa/models/tiny-llama-heads-v2shared"


class ReferenceBlock(nn.Module):
    """Medusa's residual block, by its paper: x + SiLU(W1 x + b1)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + functional.silu(self.linear(x))
        return result


def reference_heads(count: int, layers: int, hidden: int, vocabulary: int | None) -> nn.ModuleList:
    """Return modules whose state dict has the published names."""
    return nn.ModuleList(
        nn.Sequential(
            *(ReferenceBlock(hidden) for _ in range(layers)),
            *([] if vocabulary is None else [nn.Linear(hidden, vocabulary, bias=False)]),
        )
        for _ in range(count)
    )


def assert_same(got: MedusaHeads | None, expected: MedusaHeads) -> None:
    assert got is not None
    assert got.state_dict().keys() == expected.state_dict().keys()
    for name, tensor in expected.state_dict().items():
        assert torch.equal(got.state_dict()[name], tensor), name


@pytest.fixture
def base_tensors() -> dict[str, Tensor]:
    return load_file(TINY_LLAMA / "model.safetensors")


@pytest.mark.parametrize("form", ["pt", "safetensors"])
def test_golden_heads_with_output_matrices(form: str, tmp_path: Path) -> None:
    shutil.copy(V01 / f"medusa_lm_head.{form}", tmp_path)
    heads = read_heads(tmp_path)
    assert_same(heads, tiny_llama_heads())
    assert is_heads_only(tmp_path)


@pytest.mark.parametrize("form", ["pt", "safetensors"])
def test_golden_heads_that_share_the_output_matrix(form: str, tmp_path: Path) -> None:
    shutil.copy(SHARED / f"medusa_lm_head.{form}", tmp_path)
    heads = read_heads(tmp_path)
    assert heads is not None
    assert (heads.count, heads.layers, heads.hidden_size) == (4, 1, 96)
    assert heads.output_weight is None
    stored = load_file(SHARED / "medusa_lm_head.safetensors")
    assert torch.equal(heads.block_weight[0, 3], stored["3.0.linear.weight"])
    assert torch.equal(heads.block_bias[0, 3], stored["3.0.linear.bias"])


@pytest.mark.parametrize("vocabulary", [512, None], ids=["own", "shared"])
@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_heads_merged_with_their_base(
    form: str, shards: int, vocabulary: int | None, tmp_path: Path, base_tensors: dict[str, Tensor]
) -> None:
    heads = random_heads(96, vocabulary)
    merged = {f"medusa_head.{name}": tensor for name, tensor in by_name(heads).items()}
    save_weights(tmp_path, base_tensors | merged, form, shards)
    assert_same(read_heads(tmp_path), heads)
    assert not is_heads_only(tmp_path)


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_base_without_heads_has_none(
    form: str, shards: int, tmp_path: Path, base_tensors: dict[str, Tensor]
) -> None:
    save_weights(tmp_path, base_tensors, form, shards)
    assert read_heads(tmp_path) is None


def test_folder_without_weights_has_none(tmp_path: Path) -> None:
    assert read_heads(tmp_path) is None
    assert not is_heads_only(tmp_path)


@pytest.mark.parametrize("name", ["vicuna-v2-shared", "merged-1.0", "a b"])
def test_neither_config_nor_folder_name_decides(name: str, tmp_path: Path) -> None:
    heads = random_heads(count=5, layers=2)
    folder = save_heads(
        tmp_path / name, heads, medusa_num_heads=2, medusa_num_layers=9, version="2"
    )
    assert_same(read_heads(folder), heads)


@pytest.mark.parametrize("vocabulary", [32, None], ids=["own", "shared"])
@pytest.mark.parametrize("layers", [1, 3])
def test_what_is_written_reads_the_same(
    layers: int, vocabulary: int | None, tmp_path: Path
) -> None:
    heads = random_heads(16, vocabulary, count=3, layers=layers)
    write_heads(heads, tmp_path, base_model="../base")
    assert_same(read_heads(tmp_path), heads)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("vocabulary", [32, None], ids=["own", "shared"])
def test_what_is_written_loads_in_the_reference(vocabulary: int | None, tmp_path: Path) -> None:
    heads = random_heads(16, vocabulary, count=3, layers=2)
    write_heads(heads, tmp_path, base_model="owner/base")
    reference = reference_heads(3, 2, 16, vocabulary)
    reference.load_state_dict(load_file(tmp_path / "medusa_lm_head.safetensors"))
    output = nn.Linear(16, 32, bias=False)
    hidden = torch.randn(5, 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        got = heads(hidden, output)
        for head, module in enumerate(reference):
            expected = module(hidden) if vocabulary else output(module(hidden))
            torch.testing.assert_close(got[head], expected)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert config == {
        "base_model_name_or_path": "owner/base",
        "medusa_num_heads": 3,
        "medusa_num_layers": 2,
        **({} if vocabulary else {"version": "2"}),
    }


def test_slices_of_one_tensor_are_written_once(tmp_path: Path) -> None:
    heads = random_heads(16, 1000, count=4)
    write_heads(heads, tmp_path, base_model="base")
    numbers = sum(parameter.numel() for parameter in heads.parameters())
    assert (tmp_path / "medusa_lm_head.safetensors").stat().st_size < 4 * numbers + 4000


def test_heads_in_half_precision_keep_it(tmp_path: Path) -> None:
    write_heads(random_heads(16, 32).to(torch.bfloat16), tmp_path, base_model="base")
    heads = read_heads(tmp_path)
    assert heads is not None
    assert heads.block_weight.dtype == torch.bfloat16


def test_safetensors_is_preferred_to_a_pickle(tmp_path: Path) -> None:
    shutil.copy(V01 / "medusa_lm_head.safetensors", tmp_path)
    (tmp_path / "medusa_lm_head.pt").write_bytes(b"never opened")
    assert_same(read_heads(tmp_path), tiny_llama_heads())


def test_fresh_heads_repeat_the_output_matrix() -> None:
    heads = MedusaHeads(heads=2, layers=1, hidden=96, vocabulary=None)
    output = tiny_llama().get_output_embeddings()
    hidden = torch.randn(3, 96, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        torch.testing.assert_close(heads(hidden, output)[1], output(hidden))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"dtype": "bfloat16"}, torch.bfloat16),
        ({"torch_dtype": "float16"}, torch.float16),
        ({"dtype": "float32", "torch_dtype": "float16"}, torch.float32),
        ({"torch_dtype": None}, torch.float32),
        ({"dtype": "nn"}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_precision_of_a_published_model(
    config: dict[str, object], expected: torch.dtype, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert stored_dtype(tmp_path) == expected
