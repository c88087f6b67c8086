"""Heads that see the root: what they read, in every layout, and that they change no text."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import by_vllm_name, random_heads, save_base
from torch import Tensor

from medusa_chat.decoding.decoder import Request
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.library.inspection import inspect
from medusa_chat.models.checkpoint import named_tensors, read_heads, write_heads
from medusa_chat.models.heads import MedusaHeads, root_table
from medusa_chat.models.layout import ROOT, is_heads_only, read_config
from medusa_chat.models.loader import LoadedModel
from medusa_chat.models.memory import LoadPlan, footprint
from medusa_chat.models.shape import HeadShape, ModelShape

from .loading import PROMPT, loaded, refusal, reply


def root_heads(vocabulary: int | None = 512, width: int = 64) -> MedusaHeads:
    """Return the random heads that others have, which see the root too."""
    torch.manual_seed(2)
    weight = torch.randn(width, width) * 0.3
    return MedusaHeads.of(
        {**random_heads(vocabulary=vocabulary).state_dict(), "root_weight": weight}
    )


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_base(tmp_path / "base", "llama")


def saved(base: Path, heads: MedusaHeads) -> Path:
    folder = base.with_name("heads")
    write_heads(heads, folder, "../base")
    return folder


def guesses(model: LoadedModel, hidden: Tensor, root: int) -> Tensor:
    return model.decoder.head_logits(hidden, 2, torch.tensor([root]))


def test_the_table_is_the_product_with_every_embedding() -> None:
    weight, embedding = torch.randn(8, 8), torch.randn(5000, 8)
    table = root_table(weight, embedding, torch.float32)
    torch.testing.assert_close(table, embedding @ weight.T)
    assert root_table(weight, embedding, torch.bfloat16).dtype == torch.bfloat16


def test_heads_read_the_hidden_state_and_the_root(base: Path) -> None:
    heads = root_heads()
    model = loaded(saved(base, heads))
    embedding = model.base.get_input_embeddings().weight
    hidden = torch.randn(1, 64)
    for root in (3, 400):
        read = heads.rooted(hidden, embedding[root][None])
        torch.testing.assert_close(guesses(model, hidden, root), heads(read, None)[:, 0])
    assert not guesses(model, hidden, 3).allclose(guesses(model, hidden, 400))


@pytest.mark.parametrize("precision", ["full", "8bit"])
def test_the_text_is_the_models_own(precision: str, base: Path) -> None:
    model = loaded(saved(base, root_heads()), head_precision=precision)
    plain = reply(model, [])
    assert len(plain) == 16
    assert reply(model, [[0], [1], [0, 0], [0, 1]]) == plain


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_nor_does_a_tree_of_all_sources_change_it(temperature: float, base: Path) -> None:
    model = loaded(saved(base, root_heads()))
    asked: list[tuple[int, int]] = []
    own = model.decoder.head_logits

    def noting(hidden: Tensor, depth: int, root: Tensor) -> Tensor:
        asked.append((model.decoder.forward.length, int(root)))
        return own(hidden, depth, root)

    model.decoder.head_logits = noting
    tokens = []
    for size in (2, 8):
        model.decoder.forget()
        shape = MixedTree(size, 4, 2, 512, torch.device("cpu"))
        request = Request(shape, Sampling(temperature), Ending(max_new_tokens=24), seed=4)
        decoding = model.decoder.start(PROMPT, request)
        for _ in decoding.run():
            pass
        tokens.append(decoding.output.token_ids)
    assert tokens[0] == tokens[1]
    # The root that they see is the token at the place that the cache has come to.
    assert asked
    assert all(root == [*PROMPT, *tokens[0]][place] for place, root in asked)


@pytest.mark.parametrize("vocabulary", [512, None])
def test_what_is_written_is_read(vocabulary: int | None, tmp_path: Path) -> None:
    heads = root_heads(vocabulary)
    write_heads(heads, tmp_path, "somebody/base")
    assert_same(read_heads(tmp_path), heads)
    assert read_config(tmp_path)["medusa_heads_kind"] == "root"
    assert is_heads_only(tmp_path)
    found = inspect(tmp_path).heads
    assert found == HeadShape(2, 1, vocabulary is not None, sees_root=True)


@pytest.mark.parametrize("cut", [False, True])
def test_by_vllms_names(cut: bool, tmp_path: Path) -> None:
    heads = root_heads()
    tensors = by_vllm_name(heads) | {ROOT: heads.root_weight.data}  # type: ignore[union-attr]
    state = dict(heads.state_dict())
    if cut:
        state["token_map"] = tensors["token_map"] = torch.arange(0, 512, 2)
        state["output_weight"] = state["output_weight"][:, ::2]
    save_file(tensors, tmp_path / "model.safetensors")
    assert_same(read_heads(tmp_path), MedusaHeads.of(state))
    assert is_heads_only(tmp_path)
    assert inspect(tmp_path).heads == HeadShape(2, vocabulary=256 if cut else None, sees_root=True)


def test_merged_into_their_base(base: Path) -> None:
    heads = root_heads()
    own = load_file(base / "model.safetensors")
    named = {f"medusa_head.{name}": one for name, one in named_tensors(heads).items()}
    save_file(own | named, base / "model.safetensors", metadata={"format": "pt"})
    assert_same(read_heads(base), heads)
    hidden = torch.randn(1, 64)
    model = loaded(base)
    assert not guesses(model, hidden, 3).allclose(guesses(model, hidden, 400))


def test_a_matrix_of_another_width_is_refused(base: Path) -> None:
    folder = saved(base, root_heads())
    tensors = load_file(folder / "medusa_lm_head.safetensors") | {ROOT: torch.zeros(64, 32)}
    save_file(tensors, folder / "medusa_lm_head.safetensors")
    assert "shapes that make no heads" in refusal(folder)


def test_the_table_counts_as_memory() -> None:
    base = ModelShape(64, 2, 4, 4, 128, 512)
    for plan, size in ((LoadPlan("cpu", 64), 4), (LoadPlan("cuda", 64), 2)):
        for precision in ("full", "8bit"):
            way = dataclasses.replace(plan, head_precision=precision)
            without, with_root = (
                footprint(base, HeadShape(2, sees_root=sees), way).heads_bytes
                for sees in (False, True)
            )
            assert with_root - without == 512 * 64 * (2 if precision == "8bit" else size)


def assert_same(got: MedusaHeads | None, expected: MedusaHeads) -> None:
    assert got is not None
    assert got.state_dict().keys() == expected.state_dict().keys()
    for name, tensor in expected.state_dict().items():
        assert torch.equal(got.state_dict()[name], tensor), name
