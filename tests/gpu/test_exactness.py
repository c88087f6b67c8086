"""In float32 a GPU says the same by graphs, step by step, with any tree, and as transformers."""

from __future__ import annotations

import pytest
import torch
from decoding.random_models import VOCABULARY, random_model

from medusa_chat.decoding.drafting import TreeShape
from medusa_chat.decoding.dynamic_tree import DynamicTree, FixedTree
from medusa_chat.decoding.presets import presets
from medusa_chat.decoding.tree import Tree
from medusa_chat.settings import DecodeSettings

from .device import (
    DEVICE,
    PROMPTS,
    assert_graphs,
    builtin,
    decoder_of,
    eagerly,
    generated,
    reply,
    said,
)

pytestmark = pytest.mark.gpu

FAMILY = ("llama", "mistral", "qwen2", "qwen3")
TREES = {
    "plain": {"medusa": False},
    "dynamic": {"tree": "dynamic", "tree_size": 16, "draft": "heads"},
    "all": {"tree": "dynamic", "tree_size": 64, "draft": "all"},
    "preset": {"tree": "mc_sim_7b_63"},
    "auto": {"tree": "auto"},
}


@pytest.mark.parametrize("architecture", FAMILY)
def test_every_tree_is_generate(architecture: str) -> None:
    """Over two windows of the cache, which grows on the way."""
    decoder = decoder_of(random_model(architecture))
    prompt = [n * 7919 % VOCABULARY for n in range(1, 200)]
    expected = generated(random_model(architecture).to(DEVICE), prompt, 100)
    random_model(architecture).to("cpu")
    shapes: dict[str, TreeShape] = {
        "root": FixedTree.of(Tree.root(), DEVICE),
        "preset": FixedTree.of(Tree.from_paths(presets()["mc_sim_7b_63"]), DEVICE),
        "dynamic": DynamicTree(16, 4, 32, DEVICE),
    }
    for shape in shapes.values():
        assert reply(decoder, prompt, shape, 100) == expected
        with eagerly(decoder.forward):
            assert reply(decoder, prompt, shape, 100) == expected
    assert_graphs(decoder.forward)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_builtin_model_says_the_same_with_every_tree(prompt: str, temperature: float) -> None:
    engine = builtin("float32")
    replies = {}
    for name, options in TREES.items():
        settings = DecodeSettings(
            temperature=temperature,
            seed=3,
            max_new_tokens=80,
            **options,  # type: ignore[arg-type]
        )
        replies[name] = said(engine, prompt, settings)
        with eagerly(engine.model.decoder.forward):
            assert said(engine, prompt, settings) == replies[name], f"{name}, eagerly"
    assert all(one == replies["plain"] for one in replies.values()), replies
    assert_graphs(engine.model.decoder.forward)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_builtin_model_says_what_transformers_has_it_say(prompt: str) -> None:
    engine = builtin("float32")
    settings = DecodeSettings(temperature=0, max_new_tokens=60, raw=True, ignore_eos=True)
    ids = engine.model.format.encode_raw(prompt)
    base = engine.model.base
    base.generation_config.eos_token_id = None
    assert said(engine, prompt, settings) == generated(base, ids, 60)


def test_memory_does_not_grow_from_step_to_step() -> None:
    if DEVICE.type != "cuda":
        pytest.skip("only a GPU counts its memory")
    engine = builtin("float32")
    settings = DecodeSettings(temperature=0, max_new_tokens=200, ignore_eos=True, tree="dynamic")
    said(engine, PROMPTS[0], settings)
    before = torch.cuda.memory_allocated(DEVICE)
    for _ in range(5):
        said(engine, PROMPTS[0], settings)
    assert torch.cuda.memory_allocated(DEVICE) <= before + 2**20
