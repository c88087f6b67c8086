"""Heads in vLLM's layout read like the same heads in Medusa's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny_models import by_vllm_name, random_heads
from torch import Tensor, nn

from medusa_chat.decoding.head_vocabulary import spread
from medusa_chat.errors import ModelError
from medusa_chat.models.checkpoint import read_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.layout import is_heads_only

IDS = torch.tensor([3, 0, 30, 17, 8])


def read(tensors: dict[str, Tensor], folder: Path) -> MedusaHeads:
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        folder / "model.safetensors",
    )
    assert is_heads_only(folder)
    heads = read_heads(folder)
    assert heads is not None
    return heads


def logits(heads: MedusaHeads, count: int | None = None) -> Tensor:
    output = nn.Linear(16, 32, bias=False)
    nn.init.ones_(output.weight)
    hidden = torch.randn(3, 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        result: Tensor = heads(hidden, output, count)
    return result


@pytest.mark.parametrize("vocabulary", [32, None], ids=["own", "shared"])
@pytest.mark.parametrize("prefix", ["", "medusa_heads."])
def test_same_heads_by_other_names(prefix: str, vocabulary: int | None, tmp_path: Path) -> None:
    expected = random_heads(16, vocabulary, count=3, layers=2)
    named = {prefix + name: tensor for name, tensor in by_vllm_name(expected).items()}
    heads = read(named, tmp_path)
    assert heads.token_map is None
    assert torch.equal(logits(heads), logits(expected))


def test_shards(tmp_path: Path) -> None:
    from tiny_models import save_weights

    expected = random_heads(16, 32, count=3)
    save_weights(tmp_path, by_vllm_name(expected), "safetensors", shards=2)
    assert is_heads_only(tmp_path)
    heads = read_heads(tmp_path)
    assert heads is not None
    assert torch.equal(logits(heads), logits(expected))


def test_blocks_without_a_bias(tmp_path: Path) -> None:
    expected = random_heads(16, 32, count=2)
    expected.block_bias.zero_()
    named = {name: value for name, value in by_vllm_name(expected).items() if "bias" not in name}
    assert torch.equal(logits(read(named, tmp_path)), logits(expected))


@pytest.mark.parametrize("name", ["lm_head.weight", "lm_heads.0.weight"])
def test_one_output_matrix_for_all(name: str, tmp_path: Path) -> None:
    expected = random_heads(16, 32, count=3)
    assert expected.output_weight is not None
    expected.output_weight[1:] = expected.output_weight[0]
    named = {key: value for key, value in by_vllm_name(expected).items() if "lm_heads" not in key}
    heads = read(named | {name: expected.output_weight[0]}, tmp_path)
    assert heads.output_weight is not None
    assert heads.output_weight.shape == (1, 32, 16)
    torch.testing.assert_close(logits(heads), logits(expected))
    torch.testing.assert_close(logits(heads, 2), logits(expected, 2))


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "whole"])
def test_truncated_vocabulary(cut: bool, tmp_path: Path) -> None:
    expected = random_heads(16, 32, count=2)
    named = by_vllm_name(expected) | {"token_map": IDS}
    if cut:
        named = {name: value[IDS] if "lm_heads" in name else value for name, value in named.items()}
    heads = read(named, tmp_path)
    assert heads.vocabulary == len(IDS)
    assert heads.token_map is not None
    got = spread(logits(heads), heads.token_map, 32)
    whole = logits(expected)
    torch.testing.assert_close(got[..., IDS], whole[..., IDS])
    others = torch.ones(32, dtype=torch.bool).index_fill(0, IDS, False)
    assert bool((got[..., others] == float("-inf")).all())


@pytest.mark.parametrize(
    "token_map",
    [
        torch.tensor([1, 1]),
        torch.tensor([-1, 2]),
        torch.tensor([1, 32]),
        torch.tensor([0.5]),
        torch.arange(40),
        torch.tensor([], dtype=torch.long),
    ],
    ids=str,
)
def test_token_map_that_fits_nothing(token_map: Tensor, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="token_map") as caught:
        read(by_vllm_name(random_heads(16, 32)) | {"token_map": token_map}, tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_incomplete_heads(tmp_path: Path) -> None:
    named = by_vllm_name(random_heads(16, 32, count=3))
    del named["blocks.1.layers.0.weight"]
    with pytest.raises(ModelError, match="incomplete"):
        read(named, tmp_path)


def test_model_with_blocks_of_its_own_is_no_heads(tmp_path: Path) -> None:
    named = by_vllm_name(random_heads(16, 32)) | {"embed.weight": torch.zeros(2, 2)}
    save_file(named, tmp_path / "model.safetensors")
    assert not is_heads_only(tmp_path)
    assert read_heads(tmp_path) is None
