"""The stock forward around the numbers, which test_golden_generation.py compares."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn

from medusa_chat.decoding.step import StockForward
from medusa_chat.decoding.tree import Tree
from medusa_chat.errors import ModelError
from medusa_chat.settings import MAX_TREE_SIZE

from .random_models import random_model


def test_a_step_accepts_nothing() -> None:
    forward = StockForward(random_model("llama"), 64, MAX_TREE_SIZE)
    forward.extend(torch.tensor([1, 2, 3]))
    tree = Tree.from_paths([[0], [1]])
    once = forward.step(torch.tensor([4, 5, 6]), tree)
    again = forward.step(torch.tensor([4, 5, 6]), tree)
    assert forward.length == 3
    assert torch.equal(once.logits, again.logits)


def test_a_tree_may_reach_past_the_last_position() -> None:
    """The prefix fills the context but for the root; the guesses have nowhere to go."""
    forward = StockForward(random_model("llama"), 16, MAX_TREE_SIZE)
    forward.extend(torch.arange(15))
    plain = forward.step(torch.tensor([20]), Tree.root()).logits
    widest = Tree.from_paths([[rank] for rank in range(MAX_TREE_SIZE - 1)])
    output = forward.step(torch.full((MAX_TREE_SIZE,), 20), widest)
    assert torch.allclose(output.logits[0], plain[0], atol=1e-4)
    assert output.logits.isfinite().all()


def test_refuses_a_model_without_an_output_matrix() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embeddings = nn.Embedding(3, 4)

        def get_input_embeddings(self) -> nn.Module:
            return self.embeddings

        def get_output_embeddings(self) -> None:
            return None

    with pytest.raises(ModelError, match="Encoder has no output matrix"):
        StockForward(Encoder(), 16, 8)


def test_a_forward_that_is_given_up_keeps_nothing() -> None:
    """As when a model fails the tree check and is given another forward to run plain."""
    model = random_model("llama")
    given_up = weakref.ref(StockForward(model, 64, MAX_TREE_SIZE))
    gc.collect()
    assert given_up() is None
