"""A replay scores a tree as the live loop would, without the model."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from golden_data import head_logits, read, tiny_llama, tiny_llama_heads
from torch import Tensor

from medusa_chat.decoding.decoder import Decoder
from medusa_chat.decoding.drafting import TreeShape
from medusa_chat.decoding.dynamic_tree import BestFirstTree, FixedTree
from medusa_chat.decoding.mixed_drafting import depth_for
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.replay import ReplyLog, head_accuracies, log_reply, replay
from medusa_chat.decoding.replay_methods import methods_for, score
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.tree import Tree
from medusa_chat.decoding.tree_choice import choose_tree
from medusa_chat.settings import DecodeSettings, DraftSources

from .driving import CPU, GREEDY, SHAPES, decoder_for, reply

TOKENS = 60
WARM = Sampling(0.8)
ALL_PROMPTS: list[list[int]] = [
    item["prompt_ids"] for item in read("medusa/gen/tiny-llama.json")["items"]
]
PROMPTS = ALL_PROMPTS[:3]


def tiny_decoder() -> Decoder:
    return decoder_for(tiny_llama(), head_logits(tiny_llama_heads(), tiny_llama()))


@cache
def logs(sampling: Sampling) -> list[ReplyLog]:
    decoder = tiny_decoder()
    return [
        log_reply(decoder, prompt, heads=4, tokens=TOKENS, sampling=sampling, seed=7)
        for prompt in PROMPTS
    ]


def shape_called(name: str) -> TreeShape | MixedTree:
    sources, _, size = name.rpartition("-")
    if sources not in ("bigram", "all"):
        return SHAPES[name]
    nodes = int(size)
    return MixedTree(nodes, depth_for(nodes, 4), 4, 512, CPU, lookup=sources == "all")


@pytest.mark.parametrize("sampling", [GREEDY, WARM], ids=["greedy", "warm"])
def test_a_log_is_what_plain_decoding_writes(sampling: Sampling) -> None:
    decoder = tiny_decoder()
    for log, prompt in zip(logs(sampling), PROMPTS, strict=True):
        plain = reply(decoder, prompt, sampling=sampling, tokens=TOKENS, seed=7)
        assert list(log.reply) == plain.output.token_ids
        assert log.logits.shape == (len(prompt) + TOKENS - 1, 512)
        assert log.head_logits.shape == (TOKENS, 4, 512)


@pytest.mark.parametrize("sampling", [GREEDY, WARM], ids=["greedy", "warm"])
@pytest.mark.parametrize(
    "shape", ["mc_sim_7b_63", "dynamic-8", "dynamic-64", "chain", "bigram-16", "all-8", "all-64"]
)
def test_the_live_engine_reaches_what_its_replay_does(shape: str, sampling: Sampling) -> None:
    live, tree = tiny_decoder(), shape_called(shape)
    for log in logs(sampling):
        replayed = replay(log, tree)
        lived = reply(live, log.prompt, tree, sampling=sampling, tokens=TOKENS, seed=7).figures
        assert replayed.tokens == lived.tokens == TOKENS
        assert replayed.accepted_per_step == pytest.approx(lived.accepted_per_step, rel=0.02)


def five_heads(hidden: Tensor, depth: int, root: Tensor) -> Tensor:
    """Return the golden heads' logits and, behind them, those of a fifth: the first one again."""
    of_four = head_logits(tiny_llama_heads(), tiny_llama())(hidden, 4, root)
    return torch.cat([of_four, of_four[:1]])[:depth]


@pytest.mark.parametrize("nodes", [8, 64])
@pytest.mark.parametrize("draft", ["heads", "bigram", "all"])
def test_of_five_heads_a_replay_takes_as_many_as_the_engine(
    draft: DraftSources, nodes: int
) -> None:
    live = decoder_for(tiny_llama(), five_heads)
    log = log_reply(live, PROMPTS[0], heads=5, tokens=TOKENS, sampling=GREEDY)
    settings = DecodeSettings(tree="dynamic", tree_size=nodes, draft=draft)
    tree = choose_tree(settings, heads=5, vocabulary=512, device=CPU).shape
    assert isinstance(tree, BestFirstTree | MixedTree)
    lived = reply(live, log.prompt, tree, tokens=TOKENS).figures
    methods = methods_for([log])
    replayed = methods[draft](nodes)
    assert (replayed.size, replayed.depth) == (tree.size, tree.depth)
    if isinstance(tree, MixedTree):
        assert isinstance(replayed, MixedTree)
        assert replayed.heads == tree.heads == 4
    assert replay(log, replayed).accepted_counts == lived.accepted_counts
    assert methods["searched"](nodes).depth <= 4


def test_a_replay_begins_from_nothing() -> None:
    (log, *_), shape = logs(GREEDY), shape_called("all-16")
    assert replay(log, shape).accepted_counts == replay(log, shape).accepted_counts


def test_head_accuracies_count_each_rank_once() -> None:
    accuracies = head_accuracies(logs(GREEDY), ranks=512)
    assert len(accuracies) == 4
    # Of the whole vocabulary one guess is right.
    assert [sum(of_head) for of_head in accuracies] == pytest.approx([1.0] * 4, abs=1e-5)
    assert accuracies[0][0] > accuracies[0][20]


def test_head_accuracies_are_of_the_right_token() -> None:
    """Heads that know the text are always right, whatever their distance."""
    log = logs(GREEDY)[0]
    knowing = torch.zeros_like(log.head_logits)
    for row in range(len(log.reply)):
        for head, token in enumerate(log.reply[row + 1 : row + 5]):
            knowing[row, head, token] = 1.0
    known = ReplyLog(log.prompt, log.reply, log.sampling, log.seed, log.logits, knowing)
    assert [of_head[0] for of_head in head_accuracies([known])] == [1.0] * 4


def test_drawn_replies_rank_guesses_with_their_noise() -> None:
    """Else a draft, which does, would reach more than its accuracies say."""
    (log,) = logs(WARM)[:1]
    (first, *_), *_ = head_accuracies([log])
    greedy = ReplyLog(log.prompt, log.reply, GREEDY, log.seed, log.logits, log.head_logits)
    (without, *_), *_ = head_accuracies([greedy])
    assert first > without
    chain = replay(log, FixedTree.of(Tree.chain(1), CPU))
    assert chain.accepted_per_step == pytest.approx(1 + first, rel=0.1)


def test_scores_are_in_the_order_asked_and_grow_with_the_tree() -> None:
    methods = methods_for(logs(GREEDY))
    chosen = {name: methods[name] for name in ("mc_sim_7b_63", "searched", "heads", "all")}
    scores = list(score(logs(GREEDY), chosen, sizes=(1, 8, 64)))
    assert [(one.method, one.nodes) for one in scores] == [
        (name, size) for name in chosen for size in (1, 8, 64)
    ]
    for one, eight, many in zip(scores[::3], scores[1::3], scores[2::3], strict=True):
        assert one.accepted_per_step == 1
        assert 1 < eight.accepted_per_step <= many.accepted_per_step


def test_more_sources_are_accepted_from_more_often() -> None:
    """On this text, which repeats itself: MEDUSA+'s rule, with the table, with chains."""
    methods = methods_for(logs(GREEDY))
    of_method = {
        one.method: one.accepted_per_step
        for name in ("MEDUSA+", "bigram", "all")
        for one in score(logs(GREEDY), {name: methods[name]}, sizes=(16,))
    }
    assert of_method["MEDUSA+"] < of_method["bigram"] < of_method["all"]


def test_trees_from_all_sources_reach_what_is_asked_of_them() -> None:
    """On the twelve golden prompts, 150 tokens each. Counts of tokens: no timing."""
    decoder = tiny_decoder()
    whole = [
        log_reply(decoder, prompt, heads=4, tokens=150, sampling=GREEDY) for prompt in ALL_PROMPTS
    ]
    asked = {8: 2.43, 16: 3.09, 32: 3.39, 64: 3.66}
    scores = list(score(whole, {"all": methods_for(whole)["all"]}, tuple(asked)))
    assert [one.tokens for one in scores] == [12 * 150] * 4
    for one in scores:
        assert one.accepted_per_step >= asked[one.nodes], f"{one.nodes} nodes"
