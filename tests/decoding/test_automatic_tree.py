"""Trees whose size changes from step to step: the text stays, and what was learnt is kept apart."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from golden_data import TINY_LLAMA

from medusa_chat.decoding.automatic_tree import AutomaticTree, TreeKind
from medusa_chat.decoding.dynamic_tree import FixedTree
from medusa_chat.decoding.experience import Acceptance, KindExperience
from medusa_chat.decoding.step_times import SIZES
from medusa_chat.decoding.tree import Tree
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.models.stages import Report
from medusa_chat.settings import DecodeSettings, ModelSettings

CPU = torch.device("cpu")
EVEN = KindExperience(dict.fromkeys(SIZES, 1.0))


def quiet(_stage: str, _fraction: float | None) -> None:
    """Report nothing."""


REPORT: Report = quiet


def chain(size: int) -> FixedTree:
    return FixedTree.of(Tree.chain(size - 1) if size > 1 else Tree.root(), CPU)


def rejecting(tree: AutomaticTree, steps: int) -> None:
    """Have steps of which nothing is accepted."""
    for _ in range(steps):
        tree.observe(tree.next_shape(), [0], 1.0)


def test_shapes_are_made_once_and_the_first_step_of_a_size_is_not_timed() -> None:
    made: list[int] = []

    def shape_of(size: int) -> FixedTree:
        made.append(size)
        return chain(size)

    kind = TreeKind(KindExperience(), 4, 3, shape_of)
    tree = AutomaticTree(kind)
    seen: set[int] = set()
    for _ in range(40):
        shape = tree.next_shape()
        tree.observe(shape, [0], 1.0 if shape.size in seen else 100.0)
        seen.add(shape.size)
    assert sorted(made) == [1, 2, 4]
    assert kind.times.measured == {1: 1.0, 2: 1.0, 4: 1.0}
    assert tree.next_shape().size in (1, 2, 4)


def test_steps_are_counted_a_few_at_a_time_and_none_is_lost() -> None:
    stored = {size: Acceptance(1 + 0.1 * size, 100) for size in (2, 4, 6, 8)}
    kind = TreeKind(KindExperience(EVEN.seconds, stored), 8, 3, chain)
    tree = AutomaticTree(kind)
    rejecting(tree, 3)
    assert kind.rate == pytest.approx(1.8)
    rejecting(tree, 1)
    assert kind.rate < 1.5
    rejecting(tree, 2)
    assert tree.experience().grown.accepted[8].steps == 106


def test_forgetting_goes_back_to_what_was_stored_and_keeps_the_times() -> None:
    stored = {size: Acceptance(1 + 0.1 * size, 100) for size in (2, 4, 6, 8)}
    kind = TreeKind(KindExperience(EVEN.seconds, stored), 8, 3, chain)
    tree = AutomaticTree(kind)
    begun = tree.next_shape().size
    assert begun == 8
    rejecting(tree, 300)
    assert kind.rate < 1.3
    tree.forget()
    assert tree.next_shape().size == begun
    assert kind.rate == pytest.approx(1.8)
    assert kind.times.missing() == []
    assert kind.experience().accepted == stored


def test_what_is_accepted_is_kept_when_it_is_asked_for() -> None:
    kind = TreeKind(EVEN, 8, 3, chain)
    tree = AutomaticTree(kind)
    rejecting(tree, 200)
    kept = tree.experience().grown.accepted
    assert kept[2].tokens == pytest.approx(1.0)
    assert kept[2].steps >= 20
    rejecting(tree, 50)
    tree.forget()
    assert tree.experience().grown.accepted == kept


def test_a_long_average_is_not_swept_away_by_one_reply() -> None:
    stored = {size: Acceptance(3.0, 1000) for size in (2, 4, 6, 8)}
    tree = AutomaticTree(TreeKind(KindExperience(EVEN.seconds, stored), 8, 3, chain))
    rejecting(tree, 100)
    kept = tree.experience().grown.accepted
    assert all(2.5 < kept[size].tokens < 3.0 for size in (2, 4))


def test_the_kind_that_brings_more_tokens_a_second_is_taken() -> None:
    cheap = KindExperience({size: 1 + 0.05 * size for size in SIZES})
    costly = KindExperience({size: 1 + 0.3 * size for size in SIZES})
    grown, searched = TreeKind(costly, 8, 3, chain), TreeKind(cheap, 8, 3, chain)
    tree = AutomaticTree(grown, searched, [[0]])
    assert tree.experience().paths == [[0]]
    for _ in range(100):
        shape = tree.next_shape()
        tree.observe(shape, list(range(min(shape.size, 3))), cheap.seconds[shape.size])
    assert searched.beliefs.known.keys() >= {2, 4}
    assert searched.rate > grown.rate
    # Where nothing is accepted any more, plain steps are the fastest of either kind.
    sizes = []
    for _ in range(400):
        shape = tree.next_shape()
        tree.observe(shape, [0], cheap.seconds[shape.size])
        sizes.append(shape.size)
    assert sizes[200:].count(1) > 170


def test_nodes_are_counted_in_the_order_in_which_they_were_found() -> None:
    def places_of(_size: int, nodes: Sequence[int]) -> list[int]:
        return [{1: 5, 2: 1}[node] for node in nodes]

    kind = TreeKind(EVEN, 8, 3, chain, places_of)
    for _ in range(10):
        kind.observe(8, [0, 1], 1.0)
        kind.observe(8, [0, 2], 1.0)
    assert {size: one.tokens for size, one in kind.beliefs.known.items()} == pytest.approx(
        {2: 1.5, 4: 1.5, 6: 2.0, 8: 2.0}
    )


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
        words = answer.tree.words
        texts[name] = [emission.text for step in answer.run(lambda: False) for emission in step]
    assert words == "auto"
    assert "".join(texts["auto"]) == "".join(texts["plain"])


def test_times_and_acceptance_are_kept_for_the_next_engine(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    settings = DecodeSettings(temperature=0, max_new_tokens=80, ignore_eos=True)
    for seed in range(2):
        engine = Engine()
        engine.load(ModelSettings(str(TINY_LLAMA)), REPORT)
        shape = engine.choose_tree(settings).shape
        assert isinstance(shape, AutomaticTree)
        known = shape.grown.times.measured, shape.grown.beliefs.known
        # Another seed, another length: the same tree.
        settings = DecodeSettings(temperature=0, max_new_tokens=79, ignore_eos=True, seed=seed)
        assert engine.choose_tree(settings).shape is shape
        answer = engine.answer((ChatMessage("user", "Hello"),), settings)
        for _step in answer.run(lambda: False):
            pass
        engine.keep_times()
    times, accepted = known
    assert set(times) == {1, 2, 4, 6, 8, 12, 16}
    assert set(accepted) == {2, 4, 6, 8, 12, 16}
    assert all(one.tokens >= 1 and one.steps > 0 for one in accepted.values())
