"""What is kept of steps: the trees that were checked, no more of them than there is room for."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from medusa_chat.decoding.acceptance import Draft
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.source import Source
from medusa_chat.decoding.step_record import KeptDraft, StepLog, StepRecord
from medusa_chat.decoding.tree import Tree

from .driving import CPU, PLAIN, SHAPES, reply
from .graphed import PROMPT, knowing

EVERY = {
    "root": PLAIN,
    "preset": SHAPES["zephyr_stage2"],
    "dynamic": SHAPES["dynamic-16"],
    "mixed": MixedTree(12, 5, 4, 64, CPU),
}
LOG_PROBS = torch.tensor([[0.5, 0.25], [0.75, 0.125]]).log()


def record(number: int) -> StepRecord:
    draft = Draft(Tree.root(), torch.tensor([number]))
    return StepRecord(KeptDraft(draft), [0], number + 1, 0.25)


def test_a_draft_of_the_heads_is_read_with_its_probabilities() -> None:
    tree = Tree.from_paths([(0,), (1,), (0, 0), (0, 1)])
    draft = Draft(tree, torch.tensor([7, 8, 9, 10, 11]), log_probs=LOG_PROBS)
    checked = StepRecord(KeptDraft(draft), [0, 1, 4], 12, 0.5).checked
    assert checked.parents == [0, 0, 0, 1, 1]
    assert checked.tokens == [7, 8, 9, 10, 11]
    assert checked.sources == [Source.ROOT] + [Source.HEAD] * 4
    assert checked.weights == pytest.approx([1, 0.5, 0.25, 0.375, 0.0625])
    assert (checked.accepted, checked.next_token, checked.seconds) == ([0, 1, 4], 12, 0.5)
    assert checked.depth == 2


def test_a_draft_of_all_sources_keeps_its_weights_and_sources() -> None:
    sources = torch.tensor([Source.ROOT, Source.LOOKUP, Source.BIGRAM])
    draft = Draft(Tree.chain(2), torch.tensor([1, 2, 3]), sources, [0.5, 0.25])
    checked = StepRecord(KeptDraft(draft), [0], 9, 0.1).checked
    assert checked.sources == [Source.ROOT, Source.LOOKUP, Source.BIGRAM]
    assert checked.weights == [1.0, 0.5, 0.25]


def test_a_draft_that_says_nothing_of_its_chances_has_none() -> None:
    draft = Draft(Tree.chain(1), torch.tensor([1, 2]))
    assert StepRecord(KeptDraft(draft), [0], 9, 0.1).checked.weights == []


def test_the_last_steps_of_a_very_long_reply_are_kept() -> None:
    log = StepLog(most_steps=3)
    for number in range(5):
        log.add(record(number))
    assert (log.count, log.kept, log.gone) == (5, 3, 2)
    assert [one.tokens for one in log.checked(0, 9)] == [[2], [3], [4]]
    assert [one.tokens for one in log.checked(3, 1)] == [[3]]
    assert log.checked(5, 4) == []


@pytest.mark.parametrize("shape", EVERY.values(), ids=list(EVERY))
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_records_tell_how_a_reply_came_about(shape: Any, temperature: float) -> None:
    """The accepted nodes' tokens are the bursts, and every tree hangs together."""
    text = [*PROMPT, *range(30, 60)]
    decoding = reply(
        knowing(text)[1], PROMPT, shape, sampling=Sampling(temperature), tokens=25, seed=3
    )
    steps = decoding.steps.checked(0, 999)
    assert len(steps) == decoding.figures.passes
    assert decoding.figures.lone_roots == sum(len(step.parents) == 1 for step in steps)
    for step, burst in zip(steps, decoding.output.bursts, strict=False):
        told = [step.tokens[node] for node in step.accepted]
        assert told[: len(burst)] == burst
        assert all(parent < node for node, parent in enumerate(step.parents) if node)
        assert len(step.tokens) == len(step.sources) == len(step.parents) == len(step.weights)
        for node, parent in enumerate(step.parents):
            assert 0 <= step.weights[node] <= step.weights[parent] + 1e-6
            assert math.isfinite(step.weights[node])
        assert step.seconds > 0
    for step, following in itertools.pairwise(steps):
        assert following.tokens[0] == step.next_token
