"""Which models the lean forward leaves to the stock one, and why."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from medusa_chat.decoding.lean.fitness import unfitness
from medusa_chat.decoding.lean.forward import lean_forward_for

from ..random_models import random_model
from .lean_models import FAMILY, built


@pytest.mark.parametrize("architecture", FAMILY)
def test_the_family_fits(architecture: str) -> None:
    assert unfitness(random_model(architecture), 512) is None


@pytest.mark.parametrize("architecture", ["gpt_neox", "gemma"])
def test_others_do_not(architecture: str) -> None:
    reason = lean_forward_for(random_model(architecture), 512, 128)
    assert isinstance(reason, str)
    assert "is not one of the Llama family" in reason


@pytest.mark.parametrize(
    ("architecture", "options", "reason"),
    [
        ("mistral", {"sliding_window": 64}, "slides over 64 of 512 tokens"),
        ("llama", {"hidden_act": "gelu"}, "activation is gelu"),
        (
            "llama",
            {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}},
            "of the type dynamic",
        ),
    ],
)
def test_variants_that_do_not(architecture: str, options: dict[str, Any], reason: str) -> None:
    model = built(architecture, **options)
    assert reason in (unfitness(model, 512) or "")


def test_a_window_that_is_never_passed_is_no_obstacle() -> None:
    assert unfitness(built("mistral", sliding_window=512), 512) is None
    assert unfitness(built("qwen2", sliding_window=64, use_sliding_window=False), 512) is None


def test_foreign_parts() -> None:
    class Adapted(torch.nn.Linear):
        pass

    model = copy.deepcopy(random_model("llama"))
    model.model.layers[1].mlp.up_proj.__class__ = Adapted
    assert unfitness(model, 512) == "it has layers of the kind Adapted"
    model = copy.deepcopy(random_model("llama"))
    model.model.layers[0]._hf_hook = SimpleNamespace(offload=True)
    assert unfitness(model, 512) == "parts of it are offloaded"
    model = copy.deepcopy(random_model("llama"))
    model.model.layers[1].to("meta")
    assert unfitness(model, 512) == "it is spread over cpu, meta"
    model = copy.deepcopy(random_model("llama"))
    model.model.layers[1].half()
    assert "torch.float16, torch.float32" in (unfitness(model, 512) or "")


def test_want_of_memory_is_no_reason_for_another_forward() -> None:
    model = copy.deepcopy(random_model("llama"))

    def broken(*_args: object, **_kwargs: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    model.forward = broken
    with pytest.raises(torch.OutOfMemoryError):
        lean_forward_for(model, 512, 128)


def test_a_model_that_cannot_be_run_is_left_to_its_own_words() -> None:
    model = copy.deepcopy(random_model("llama"))

    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("no kernel for this\nand a long story")

    model.forward = broken
    assert lean_forward_for(model, 512, 128) == "a first run failed (no kernel for this)"
