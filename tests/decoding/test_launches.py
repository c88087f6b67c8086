"""What is said of the way in which steps come to the device."""

from __future__ import annotations

import copy

import pytest
import torch

from medusa_chat.decoding.launches import launches
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.step import Forward

from .driving import stock_forward
from .lean.lean_models import lean
from .random_models import random_model

CUDA = torch.device("cuda", 0)


def on_cuda(forward: Forward) -> str | None:
    """Return what is said where ``forward`` is taken for one of a GPU."""
    forward = copy.copy(forward)
    forward.device = CUDA
    return launches(forward)


def test_nothing_on_a_cpu() -> None:
    assert launches(stock_forward(random_model("llama"), 512)) is None
    assert launches(lean(copy.deepcopy(random_model("llama")))) is None


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (None, "CUDA graphs"),
        ("its 8-bit layers wait", "eager: its 8-bit layers wait"),
        ("a capture failed (not permitted)", "eager: a capture failed (not permitted)"),
    ],
)
def test_each_way_on_a_gpu(reason: str | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = lean(copy.deepcopy(random_model("llama")))
    assert forward.eager_reason == "the model is on cpu"
    monkeypatch.setattr(LeanForward, "eager_reason", property(lambda _self: reason))
    forward.whole_step_obstacle = None
    assert on_cuda(forward) == words
    if reason is None:
        forward.whole_step_obstacle = "a capture failed (no room)"
        assert on_cuda(forward) == "CUDA graphs in part: a capture failed (no room)"


def test_eager_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa_chat.decoding.lean.forward.graph_obstacle", lambda _model: None)
    forward = lean(copy.deepcopy(random_model("llama")))
    assert on_cuda(forward) == "CUDA graphs"
    with forward.eagerly():
        assert on_cuda(forward) == "eager: it is asked for"
    assert on_cuda(forward) == "CUDA graphs"


def test_the_stock_forward_on_a_gpu() -> None:
    stock = stock_forward(random_model("llama"), 512)
    assert on_cuda(stock) == "eager: transformers' own forward runs them"
