"""Models that can check trees pass; those that cannot are told apart, and run plain."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from medusa_chat.decoding.decoder import Decoder
from medusa_chat.decoding.step import StepOutput, StockForward
from medusa_chat.decoding.tree import Tree
from medusa_chat.decoding.tree_check import defect
from medusa_chat.settings import MAX_TREE_SIZE

from .driving import no_text, reply
from .random_models import ARCHITECTURES, alibi_model, generated, random_model

ALIBI = ("bloom", "mpt")


def no_heads(hidden: Tensor, count: int, root: Tensor) -> Tensor:
    raise AssertionError("a model that runs plain has no use for heads")


def forward_of(model: Any, *, own_mask: bool = True) -> StockForward:
    return StockForward(model, 256, MAX_TREE_SIZE, own_mask=own_mask)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_that_can_passes(architecture: str) -> None:
    model = random_model(architecture)
    forward = forward_of(model)
    assert defect(model, forward) is None
    assert forward.length == 0
    assert defect(model, forward, plain=True) is None


@pytest.mark.parametrize("architecture", ALIBI)
def test_a_model_with_positions_of_its_own_fails_with_a_reason(architecture: str) -> None:
    model = alibi_model(architecture)
    forward = forward_of(model)
    reason = defect(model, forward)
    assert reason is not None
    assert type(model).__name__ in reason
    assert "7 nodes" in reason
    assert "\n" not in reason
    assert forward.length == 0


@pytest.mark.parametrize("architecture", ALIBI)
def test_it_runs_plain_without_a_mask_of_ours(architecture: str) -> None:
    model = alibi_model(architecture)
    forward = forward_of(model, own_mask=False)
    assert defect(model, forward, plain=True) is None
    decoder = Decoder(forward, no_heads, no_text)
    for prompt in [(5,), (9, 2, 60, 31, 7)]:
        assert reply(decoder, prompt, tokens=30).output.token_ids == generated(model, prompt, 30)


class Spoiled(StockForward):
    """A forward that goes wrong in one way."""

    wrong = ""

    def step(self, tokens: Tensor, tree: Tree) -> StepOutput:
        if self.wrong == "mask":
            everything = torch.ones_like(tree.mask)
            tree = Tree(tree.parents, tree.depths, tree.ranks, everything, tree.max_depth)
        elif self.wrong == "positions":
            behind = torch.arange(tree.size)
            tree = Tree(tree.parents, behind, tree.ranks, tree.mask, tree.max_depth)
        output = super().step(tokens, tree)
        if self.wrong == "nan":
            output.logits[0, 0] = torch.nan
        elif self.wrong == "crash":
            raise RuntimeError("no kernel for this\nand a second line")
        elif self.wrong == "memory":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return output

    def compact(self, nodes: Any) -> None:
        super().compact(range(len(nodes)) if self.wrong == "compaction" else nodes)


@pytest.mark.parametrize("wrong", ["mask", "positions", "compaction", "nan"])
def test_notices_what_can_go_wrong(wrong: str) -> None:
    model = random_model("llama")
    forward = Spoiled(model, 256, MAX_TREE_SIZE)
    assert defect(model, forward) is None
    forward.wrong = wrong
    reason = defect(model, forward)
    assert reason is not None
    assert reason.startswith("LlamaForCausalLM gives other logits in a step of 7 nodes")


def test_a_step_that_fails_is_a_reason_in_one_line() -> None:
    model = random_model("llama")
    forward = Spoiled(model, 256, MAX_TREE_SIZE)
    forward.wrong = "crash"
    assert defect(model, forward) == (
        "LlamaForCausalLM cannot run a step of 7 nodes (no kernel for this)"
    )
    assert forward.length == 0


def test_too_little_memory_is_no_defect_of_the_model() -> None:
    """A model that does not fit must not be decoded plainly instead, as if it could not do more."""
    model = random_model("llama")
    forward = Spoiled(model, 256, MAX_TREE_SIZE)
    forward.wrong = "memory"
    with pytest.raises(torch.OutOfMemoryError):
        defect(model, forward)
    assert forward.length == 0
