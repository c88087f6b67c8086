"""Which path of a tree is accepted: the reference's answers where they are right."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from golden_data import read, tensors
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from medusa_chat.decoding.acceptance import (
    Accepted,
    Draft,
    Typical,
    Walk,
    accept_exact,
    walk_exact,
)
from medusa_chat.decoding.drafting import fill
from medusa_chat.decoding.tree import Tree

MEDUSA_PLUS_CASES = [
    "default_k32_n64_d4_mid",
    "default_k32_n64_d4_sharp",
    "k10_n16_d4",
    "k10_n64_d4_4heads",
    "padhazard_k10_n16_d4",
]


def accept(draft: Draft, logits: Tensor, args: dict[str, Any]) -> Accepted:
    """Accept as the reference's arguments say: greedily, or by its typical scheme."""
    if not args.get("temperature"):
        choices = logits.argmax(-1)
        chosen = choices.tolist()
        accepted = accept_exact(
            draft.tree.parents.tolist(), draft.tokens.tolist(), chosen.__getitem__
        )
        return walked_alike(accepted, walk_exact(draft, choices), draft)
    typical = Typical(args["temperature"], args["posterior_threshold"], args["posterior_alpha"])
    return walked_alike(typical.accept(draft, logits), typical.walk(draft, logits), draft)


def walked_alike(accepted: Accepted, walk: Walk, draft: Draft) -> Accepted:
    """Assert that a graph accepts the same, and return it."""
    count = int(walk.count)
    assert walk.path.shape == walk.follow.shape == (draft.tree.max_depth + 1,)
    assert walk.path.tolist() == accepted.nodes + [0] * (draft.tree.max_depth + 1 - count)
    tokens = draft.tokens[accepted.nodes[1:]].tolist()
    assert walk.follow[:count].tolist() == [*tokens, accepted.next_token]
    return accepted


def reference_tree(name: str) -> Tree:
    return Tree.from_paths(read("medusa/buffers/buffers.json")[name]["choices"])


@pytest.mark.parametrize(
    "case", read("medusa/unit/evaluate_posterior.json"), ids=lambda case: case["id"]
)
def test_accepts_what_the_reference_accepts(case: dict[str, Any]) -> None:
    inputs = tensors("medusa/unit/unit_tensors.safetensors")
    tree = reference_tree(case["tree"])
    draft = Draft(tree, inputs[f"ep.{case['id']}.tree_candidates"][0])
    logits = inputs[f"ep.{case['id']}.tree_logits"][0]
    retrieve = read("medusa/buffers/buffers.json")[case["tree"]]["retrieve_indices"]
    compared = 0
    for result in case["results"]:
        if result["label"] not in ("greedy", "typical_fast"):
            continue  # the others draw once a path, or fail
        accepted = accept(draft, logits, result["args"])
        length = result["accept_length"]
        assert draft.tokens[accepted.nodes].tolist() == result["accepted"]
        assert accepted.nodes == retrieve[result["best_candidate"]][: length + 1]
        assert accepted.next_token == logits[accepted.nodes[-1]].argmax()
        compared += 1
    assert compared == 13


@pytest.mark.parametrize(
    "case", read("medusa/unit/padding_pitfall.json"), ids=lambda case: case["id"]
)
def test_never_accepts_padding(case: dict[str, Any]) -> None:
    """Where the reference takes a padded place, token 0, for a guess that was right."""
    inputs = tensors("medusa/unit/padding_pitfall.safetensors")
    draft = Draft(
        reference_tree(case["tree"]), inputs[f"pad.{case['id']}.tree_candidates"][0].long()
    )
    logits = inputs[f"pad.{case['id']}.tree_logits"][0]
    for reference in case["reference"]:
        accepted = accept(draft, logits, reference["args"])
        assert len(accepted.nodes) - 1 == case["correct_accept_length"]
        assert accepted.nodes == case["true_path_nodes"]
        assert accepted.next_token == case["correct_next_token"]


@pytest.mark.parametrize("name", MEDUSA_PLUS_CASES)
def test_accepts_on_dynamic_trees(name: str) -> None:
    case, recorded = read(f"medusa_plus/{name}.json"), tensors(f"medusa_plus/{name}.safetensors")
    draft = Draft(Tree.from_paths(case["chosen_rank_paths"]), recorded["tree_candidates"][0].long())
    for mode, (row, length) in case["verify"].items():
        temperature = 0.0 if mode == "greedy" else float(mode.split("_T")[1].split("_")[0])
        args = {"temperature": temperature, "posterior_threshold": 0.09, "posterior_alpha": 0.3}
        accepted = accept(draft, recorded["verify_node_logits"][0], args)
        # The padding hazard is recorded as MEDUSA+ answered it, one token too long.
        right = case["true_expected_accept_len"] if case["pad_token_zero_case"] else length
        assert len(accepted.nodes) - 1 == right
        assert accepted.nodes == recorded["retrieve_indices"][row, : right + 1].tolist()


@st.composite
def filled_trees(draw: st.DrawFn) -> tuple[list[int], list[int], list[int]]:
    """Return parents, tokens (siblings differ) and the model's choice after each node."""
    vocabulary = 4
    parents, tokens = [0], [draw(st.integers(0, vocabulary - 1))]
    for _ in range(draw(st.integers(0, 40))):
        parent = draw(st.integers(0, len(parents) - 1))
        taken = {tokens[n] for n in range(1, len(parents)) if parents[n] == parent}
        if len(taken) < vocabulary:
            parents.append(parent)
            tokens.append(draw(st.sampled_from(sorted(set(range(vocabulary)) - taken))))
    choice = st.integers(0, vocabulary - 1)
    choices = draw(st.lists(choice, min_size=len(parents), max_size=len(parents)))
    return parents, tokens, choices


@given(filled_trees())
def test_exact_acceptance_is_the_one_walk_of_the_models_choices(
    case: tuple[list[int], list[int], list[int]],
) -> None:
    parents, tokens, choices = case
    asked: list[int] = []

    def choose(node: int) -> int:
        asked.append(node)
        return choices[node]

    accepted = accept_exact(parents, tokens, choose)
    nodes = accepted.nodes
    assert nodes[0] == 0
    for parent, child in itertools.pairwise(nodes):
        assert parents[child] == parent
        assert tokens[child] == choices[parent]
    children = [n for n in range(1, len(parents)) if parents[n] == nodes[-1]]
    assert accepted.next_token == choices[nodes[-1]]
    assert accepted.next_token not in [tokens[n] for n in children]
    # One draw a node, and none off the path.
    assert asked == nodes


def test_typical_acceptance_takes_a_plausible_guess_that_was_not_chosen() -> None:
    tree = Tree.from_paths([[0], [1], [1, 0]])
    draft = fill(tree, 0, torch.tensor([[1, 2], [3, 4]]))
    logits = torch.tensor(
        [[0.0, 5.0, 4.5, 0.0, 0.0], [5.0, 0, 0, 0, 0], [0, 0, 0, 6.0, 0], [0, 0, 0, 0, 7.0]]
    )
    # Token 1 is likelier after the root, but token 2 leads to a longer path.
    assert Typical(1.0, 0.09, 0.3).accept(draft, logits) == Accepted([0, 2, 3], 4)
    greedy = {"temperature": 0.0}
    assert accept(draft, logits, greedy) == Accepted([0, 1], 0)


def test_typical_acceptance_of_equal_lengths_goes_by_likelihood() -> None:
    tree = Tree.from_paths([[0], [1]])
    draft = fill(tree, 0, torch.tensor([[2, 1]]))
    logits = torch.tensor([[0.0, 5.0, 4.5], [1.0, 0, 0], [0, 1.0, 0]])
    assert Typical(1.0, 0.09, 0.3).accept(draft, logits).nodes == [0, 2]


@pytest.mark.parametrize("certain", [1e4, torch.inf])
def test_typical_acceptance_bears_certainty(certain: float) -> None:
    """A row with all its mass on one token has no entropy, and the others no logarithm."""
    tree = Tree.from_paths([[0], [1], [0, 0], [1, 0]])
    draft = fill(tree, 0, torch.tensor([[1, 2], [3, 4]]))
    logits = torch.full((5, 5), 0.0 if certain == 1e4 else -torch.inf)
    for node, token in enumerate([2, 0, 3, 0, 4]):
        logits[node, token] = 1e4 if certain == 1e4 else 0.0
    assert Typical(0.7, 0.09, 0.3).accept(draft, logits) == Accepted([0, 2, 4], 4)


def test_the_root_alone_is_accepted() -> None:
    draft = fill(Tree.root(), 2, torch.zeros(0, 0, dtype=torch.long))
    logits = torch.tensor([[0.0, 2.0, 1.0]])
    assert Typical(0.7, 0.09, 0.3).accept(draft, logits) == Accepted([0], 1)
    assert accept(draft, logits, {"temperature": 0.0}) == Accepted([0], 1)
