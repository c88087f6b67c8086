"""Trees whose size changes from step to step: the text stays, and what was learnt is kept apart."""

from __future__ import annotations

import pytest
import torch
from golden_data import TINY_LLAMA

from medusa_chat.decoding.adaptive_tree import AdaptiveTree
from medusa_chat.decoding.dynamic_tree import FixedTree
from medusa_chat.decoding.step_times import SIZES, StepTimes
from medusa_chat.decoding.tree import Tree
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.models.stages import Report
from medusa_chat.settings import DecodeSettings, ModelSettings

CPU = torch.device("cpu")


def quiet(_stage: str, _fraction: float | None) -> None:
    """Report nothing."""


REPORT: Report = quiet


def chain(size: int) -> FixedTree:
    return FixedTree.of(Tree.chain(size - 1) if size > 1 else Tree.root(), CPU)


def test_shapes_are_made_once_and_the_first_step_of_a_size_is_not_timed() -> None:
    made: list[int] = []

    def shape_of(size: int) -> FixedTree:
        made.append(size)
        return chain(size)

    times = StepTimes()
    tree = AdaptiveTree(times, 4, 3, shape_of)
    for _ in range(40):
        shape = tree.next_shape()
        tree.observe(shape, [0], 100.0 if made.count(shape.size) and shape.size == 0 else 1.0)
    assert sorted(made) == [1, 2, 4]
    assert times.measured == {1: 1.0, 2: 1.0, 4: 1.0}
    assert tree.next_shape().size in (1, 2, 4)


def test_forgetting_keeps_the_times() -> None:
    times = StepTimes(dict.fromkeys(SIZES, 1.0))
    tree = AdaptiveTree(times, 8, 3, chain)
    for _ in range(200):
        tree.observe(tree.next_shape(), [0], 1.0)
    assert tree.next_shape().size == 1 or tree._sizer.size == 1
    tree.forget()
    assert tree._sizer.size > 1
    assert times.missing() == []


@pytest.mark.parametrize("temperature", [0.0, 0.9])
@pytest.mark.parametrize("draft", ["bigram", "all"])
def test_the_text_is_that_of_plain_decoding(
    temperature: float, draft: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    engine = Engine()
    engine.load(ModelSettings(str(TINY_LLAMA)), REPORT)
    texts = {}
    for name, medusa, tree in (("plain", False, "auto"), ("auto", True, "auto")):
        settings = DecodeSettings(
            medusa=medusa,
            tree=tree,
            draft=draft,  # type: ignore[arg-type]
            temperature=temperature,
            seed=5,
            max_new_tokens=90,
            ignore_eos=True,
        )
        engine.forget()
        answer = engine.answer((ChatMessage("user", "Tell me a story"),), settings)
        sizes = answer.tree.words
        texts[name] = [emission.text for step in answer.run(lambda: False) for emission in step]
    assert sizes == "auto"
    assert "".join(texts["auto"]) == "".join(texts["plain"])


def test_times_are_kept_for_the_next_engine(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    settings = DecodeSettings(temperature=0, max_new_tokens=80, ignore_eos=True)
    for _ in range(2):
        engine = Engine()
        engine.load(ModelSettings(str(TINY_LLAMA)), REPORT)
        shape = engine.choose_tree(settings).shape
        assert isinstance(shape, AdaptiveTree)
        known = shape.times.measured
        answer = engine.answer((ChatMessage("user", "Hello"),), settings)
        for _step in answer.run(lambda: False):
            pass
        engine.keep_times()
    assert set(known) == {1, 2, 4, 6, 8, 12, 16}
