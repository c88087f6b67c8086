"""The tree grown from all sources: the best nodes there are, the same ones on every device."""

from __future__ import annotations

import heapq
import itertools
import math
import random

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from medusa_chat.decoding.acceptance import Draft
from medusa_chat.decoding.bigram_table import BigramTable
from medusa_chat.decoding.head_vocabulary import HeadVocabulary
from medusa_chat.decoding.host_evidence import HostEvidence
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.raised_rows import RaisedRows
from medusa_chat.decoding.source import Source
from medusa_chat.decoding.suffix_lookup import MOST_MATCHED, ChainAcceptance, Match, SuffixLookup
from medusa_chat.decoding.tree import Tree

CPU = torch.device("cpu")
VOCABULARY = 120
Grown = tuple[Tree, Tensor, Tensor]


def parts(draft: Draft) -> Grown:
    assert draft.sources is not None
    return draft.tree, draft.tokens, torch.as_tensor(draft.sources)


class Scene:
    """A conversation half way: what a tree is grown from."""

    def __init__(self, seed: int, *, heads: int, warm: bool, sharpness: float = 3.0) -> None:
        generator = torch.Generator().manual_seed(seed)
        draws = random.Random(seed)
        self.depth = 6
        tokens = draws.choices(range(12), k=60)
        rows = torch.randn(60, VOCABULARY, generator=generator) * sharpness
        self.table = BigramTable(VOCABULARY, CPU)
        self.table.add(tokens, rows)
        self.root = draws.randrange(12)
        self.table.put_root(self.root)
        lookup = SuffixLookup()
        lookup.extend(tokens)
        self.match = lookup.match(self.root)
        scores = torch.randn(self.depth, VOCABULARY, generator=generator) * sharpness
        scores[heads:] = 0
        self.plain: Tensor | None = None
        self.scores = scores.log_softmax(-1)
        if warm:
            noise = -torch.rand(self.depth, VOCABULARY, generator=generator).log().neg().log()
            self.plain, self.scores = self.scores, (self.scores + noise).log_softmax(-1)
        self.weights = [0.42] * heads + [1.0] * (self.depth - heads)
        self.odds = ChainAcceptance().odds()

    def on_device(self, shape: MixedTree) -> Grown:
        return parts(self.drafted_on_device(shape))

    def on_host(self, shape: MixedTree) -> Grown:
        return parts(self.drafted_on_host(shape))

    def drafted_on_device(self, shape: MixedTree) -> Draft:
        return shape.grow(
            self.scores.exp(),
            None if self.plain is None else self.plain.exp(),
            self.table,
            self.weights,
            torch.tensor([self.match.slot]),
            torch.tensor([self.match.length if shape.lookup else 0]),
            torch.tensor(self.odds),
            self.table.length,
        )

    def drafted_on_host(self, shape: MixedTree) -> Draft:
        # By the logits again, of which the probabilities were made.
        plain = self.scores if self.plain is None else self.plain
        noise = None if self.plain is None else self.scores - self.plain
        everything = HeadVocabulary(VOCABULARY)
        head_rows, text_rows = (
            RaisedRows(self.table, self.weights[depth], range(VOCABULARY)) for depth in (0, -1)
        )
        evidence = HostEvidence(shape.heads, shape.guesses, everything, 1.0, head_rows, text_rows)
        evidence.begin(plain[: shape.heads] if shape.heads else None, noise)
        return shape.grow_on_host(self.root, evidence, self.table, self.match, self.odds)

    def best_weights(self, shape: MixedTree) -> list[float]:
        """Return the weights of the best nodes, found one by one over the whole vocabulary."""
        serial = itertools.count()
        found: list[float] = []
        length = self.match.length if shape.lookup else 0
        reachable = self.children(shape, 0, 0.0, self.match.slot, length)
        heap = [(-weight, next(serial), node) for weight, *node in reachable]
        heapq.heapify(heap)
        while heap and len(found) < shape.size - 1:
            negative, _, (depth, slot, chain) = heapq.heappop(heap)
            found.append(-negative)
            if depth < shape.depth:
                for weight, *node in self.children(shape, depth, -negative, slot, chain):
                    heapq.heappush(heap, (-weight, next(serial), node))
        return found

    def children(
        self, shape: MixedTree, depth: int, weight: float, slot: int, chain: int
    ) -> list[tuple[float, int, int, int]]:
        scores = self.scores[depth].double()
        lifts = torch.zeros(VOCABULARY).double()
        lifts[self.table.ids[slot].long()] = self.table.lifts[slot].double() * self.weights[depth]
        mixed = (scores + lifts).log_softmax(-1)
        follower = int(self.table.ids[slot, 0])
        if chain:
            chance = self.odds[chain] / (1 + self.odds[chain])
            if self.plain is None:
                probs = mixed.exp() * (1 - chance)
                probs[follower] += chance
                mixed = probs.log()
            else:
                sure = min(0.0, (self.plain[depth] + lifts)[follower].item())
                raised = scores + lifts
                raised[follower] += math.log1p(self.odds[chain] / math.exp(sure))
                # The whole is one again with the follower's rise in it.
                mixed = raised.log_softmax(-1)
        found = []
        # Where no head guesses, only what the row holds is a candidate.
        row = set(self.table.ids[slot].tolist())
        for token, log_prob in enumerate(mixed.tolist()):
            if depth >= shape.heads and token not in row:
                log_prob = -math.inf
            latest = int(self.table.latest[token])
            following = (latest, 1 if latest and shape.lookup else 0)
            if chain and token == follower and slot < self.table.length:
                following = (slot + 1, min(chain + 1, MOST_MATCHED))
            found.append((weight + log_prob, depth + 1, *following))
        return found


def weights_of(grown: Grown, scene: Scene, shape: MixedTree) -> list[float]:
    """Return the weight of each node but the root's, following it down from the root."""
    tree, tokens, _ = grown
    length = scene.match.length if shape.lookup else 0
    states = {0: (0.0, 0, scene.match.slot, length)}
    for node in range(1, tree.size):
        weight, depth, slot, chain = states[int(tree.parents[node])]
        states[node] = scene.children(shape, depth, weight, slot, chain)[int(tokens[node])]
    return sorted((states[node][0] for node in range(1, tree.size)), reverse=True)


SCENES = [
    pytest.param(heads, warm, lookup, id=f"{heads} heads-{'warm' if warm else 'greedy'}-{name}")
    for heads in (0, 2, 4)
    for warm in (False, True)
    for lookup, name in ((True, "all"), (False, "bigram"))
]


def bigram_match(scene: Scene, lookup: bool) -> None:
    if not lookup:
        scene.match = Match(int(scene.table.latest[scene.root]), 0)


@pytest.mark.parametrize(("heads", "warm", "lookup"), SCENES)
@pytest.mark.parametrize("size", [2, 8, 33, 64])
def test_the_nodes_are_the_best_there_are(size: int, heads: int, warm: bool, lookup: bool) -> None:
    shape = MixedTree(size, 6, heads, VOCABULARY, CPU, lookup=lookup)
    for seed in range(2):
        scene = Scene(seed, heads=heads, warm=warm)
        bigram_match(scene, lookup)
        expected = scene.best_weights(shape)
        for draft in (scene.drafted_on_device(shape), scene.drafted_on_host(shape)):
            assert draft.tree.size == size
            assert weights_of(parts(draft), scene, shape) == pytest.approx(expected, abs=2e-3)
            assert draft.weights is not None
            told = [math.log(weight) for weight in draft.weights]
            assert told == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(("heads", "warm", "lookup"), SCENES)
@pytest.mark.parametrize("size", [2, 8, 64, 128])
def test_a_host_grows_the_same_tree(size: int, heads: int, warm: bool, lookup: bool) -> None:
    shape = MixedTree(size, 6, heads, VOCABULARY, CPU, lookup=lookup)
    for seed in range(10, 14):
        scene = Scene(seed, heads=heads, warm=warm)
        bigram_match(scene, lookup)
        (tree, tokens, sources), (other, other_tokens, other_sources) = (
            scene.on_device(shape),
            scene.on_host(shape),
        )
        assert_is_a_tree(tree)
        assert_is_a_tree(other)
        paths = dict(zip(token_paths(tree, tokens), sources.tolist(), strict=True))
        others = dict(zip(token_paths(other, other_tokens), other_sources.tolist(), strict=True))
        weights, other_weights = (
            weights_of(one, scene, shape)
            for one in ((tree, tokens, sources), (other, other_tokens, other_sources))
        )
        assert weights == pytest.approx(other_weights, abs=1e-3)
        assert all(others.get(path, source) == source for path, source in paths.items())


def token_paths(tree: Tree, tokens: Tensor) -> list[tuple[int, ...]]:
    paths: list[tuple[int, ...]] = [()]
    for node in range(1, tree.size):
        paths.append((*paths[int(tree.parents[node])], int(tokens[node])))
    assert len(set(paths)) == len(paths), "a guess stands twice"
    return paths


def assert_is_a_tree(tree: Tree) -> None:
    """The mask, depths and ranks are those of the parents."""
    rebuilt = torch.eye(tree.size, dtype=torch.bool)
    depths, children = [0], [0] * tree.size
    for node in range(1, tree.size):
        parent = int(tree.parents[node])
        assert parent < node
        rebuilt[node] |= rebuilt[parent]
        depths.append(depths[parent] + 1)
        assert tree.ranks[node] == children[parent]
        children[parent] += 1
    assert tree.parents[0] == tree.ranks[0] == 0
    assert torch.equal(tree.mask, rebuilt)
    assert tree.depths.tolist() == depths
    assert max(depths) <= tree.max_depth


def test_every_node_knows_its_source() -> None:
    scene = Scene(3, heads=2, warm=False)
    shape = MixedTree(64, 6, 2, VOCABULARY, CPU)
    tree, tokens, sources = scene.on_host(shape)
    best = scene.scores[:2].topk(32).indices.tolist()
    assert sources[0] == Source.ROOT
    assert set(sources.tolist()) == set(Source)
    for node in range(1, 64):
        depth, token = int(tree.depths[node]), int(tokens[node])
        of_head = depth <= 2 and token in best[depth - 1]
        if sources[node] != Source.LOOKUP:
            assert (sources[node] == Source.HEAD) == of_head


def test_without_lookup_no_node_is_of_a_chain() -> None:
    scene = Scene(3, heads=2, warm=False)
    scene.match = Match(int(scene.table.latest[scene.root]), 0)
    for grow in (scene.on_device, scene.on_host):
        _, _, sources = grow(MixedTree(64, 6, 2, VOCABULARY, CPU, lookup=False))
        assert Source.LOOKUP not in sources.tolist()


@pytest.mark.parametrize("heads", [0, 4])
def test_a_chain_that_never_failed_is_followed_to_the_end(heads: int) -> None:
    scene = Scene(5, heads=heads, warm=False, sharpness=0.5)
    text = [*range(20, 40), 7, *range(20, 30)]
    scene.table = BigramTable(VOCABULARY, CPU)
    scene.table.add(text, None)
    scene.table.put_root(30)
    scene.match = Match(11, 10)
    scene.odds = [0.0] + [99.0] * MOST_MATCHED
    shape = MixedTree(8, 6, heads, VOCABULARY, CPU)
    for grow in (scene.on_device, scene.on_host):
        tree, tokens, _ = grow(shape)
        assert tuple(range(31, 37)) in token_paths(tree, tokens)


@pytest.mark.parametrize("temperature", [0.01, 0.1])
def test_a_low_temperature_overflows_nothing(temperature: float) -> None:
    scene = Scene(6, heads=4, warm=True)
    scene.plain = (scene.scores / temperature).log_softmax(-1)
    scene.scores = scene.plain
    scene.weights = [weight / temperature for weight in scene.weights]
    for grow in (scene.on_device, scene.on_host):
        tree, tokens, _ = grow(MixedTree(64, 6, 4, VOCABULARY, CPU))
        token_paths(tree, tokens)
        assert_is_a_tree(tree)


def test_nothing_known_gives_a_whole_tree_of_the_heads() -> None:
    scene = Scene(7, heads=4, warm=False)
    scene.table = BigramTable(VOCABULARY, CPU)
    scene.table.put_root(3)
    scene.match = Match(0, 0)
    for grow in (scene.on_device, scene.on_host):
        tree, tokens, sources = grow(MixedTree(16, 4, 4, VOCABULARY, CPU))
        token_paths(tree, tokens)
        assert tree.size == 16
        assert set(sources.tolist()) == {Source.ROOT, Source.HEAD}


def test_grows_without_the_host_reading_a_value() -> None:
    """Tracing with fake tensors, which have no values, fails where a value would be read."""
    scene, shape = Scene(4, heads=4, warm=True), MixedTree(16, 5, 4, VOCABULARY, CPU)
    scene.on_device(shape)  # what is the same at each step is made by the first

    def grow(scores: Tensor, slots: Tensor, lengths: Tensor, odds: Tensor) -> tuple[Tensor, ...]:
        draft = shape.grow(
            scores.exp(),
            scene.plain,
            scene.table,
            scene.weights,
            slots,
            lengths,
            odds,
            scene.table.length,
        )
        tree, tokens, sources = parts(draft)
        return tree.parents, tree.mask, tokens, sources

    match = torch.tensor([scene.match.slot]), torch.tensor([scene.match.length])
    arguments = (scene.scores, *match, torch.tensor(scene.odds))
    traced = make_fx(grow, tracing_mode="fake", _allow_non_fake_inputs=True)(*arguments)
    other = Scene(4, heads=4, warm=True, sharpness=1.0).scores
    for ours, expected in zip(
        traced(other, *arguments[1:]), grow(other, *arguments[1:]), strict=True
    ):
        assert torch.equal(ours, expected)
