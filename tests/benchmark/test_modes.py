"""Names of modes, and the modes on a real model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from medusa_chat.benchmark.modes import ModeContestant, contestants_of, parse_mode
from medusa_chat.benchmark.settings import DEFAULT_MODES
from medusa_chat.decoding.stats import Figures
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import UsageError

from .measured import GREEDY, engine, engine_with_heads

PROMPT = [ChatMessage("user", "def close(self):")]


def test_names_of_modes() -> None:
    plain = parse_mode("plain", GREEDY)
    assert not plain.decode.medusa
    static = parse_mode("static", GREEDY)
    assert (static.decode.tree, static.decode.tree_size) == ("mc_sim_7b_63", None)
    assert static.takes_the_size_of_dynamic
    sized = parse_mode("dynamic:16", replace(GREEDY, tree_size=4))
    assert (sized.name, sized.decode.tree, sized.decode.tree_size) == ("dynamic:16", "dynamic", 16)
    drafted = parse_mode("auto+bigram", GREEDY).decode
    assert (drafted.tree, drafted.draft) == ("auto", "bigram")
    both = parse_mode("dynamic:16+heads", GREEDY).decode
    assert (both.tree, both.tree_size, both.draft) == ("dynamic", 16, "heads")
    assert parse_mode("static:5", GREEDY).takes_the_size_of_dynamic is False
    assert parse_mode("chain", replace(GREEDY, tree_size=4)).decode.tree_size == 4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tallest", "neither a tree's name nor a file"),
        ("dynamic:many", "has no number of nodes"),
        ("dynamic:", "has no number of nodes"),
        ("dynamic:0", "--tree-size 0 is out of range"),
        ("dynamic:129", "--tree-size 129 is out of range"),
        ("plain:4", "plain decoding has no tree"),
        ("plain+heads", "plain decoding has no tree"),
        ("dynamic+tails", "neither a tree's name nor a file"),
    ],
)
def test_names_that_are_none(name: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_mode(name, GREEDY)
    assert said in str(error.value)


def test_typical_acceptance_is_not_compared() -> None:
    typical = replace(GREEDY, acceptance="typical", temperature=0.8)
    assert parse_mode("auto", GREEDY).is_exact
    assert not parse_mode("auto", typical).is_exact
    assert parse_mode("auto", replace(typical, temperature=0)).is_exact


def test_a_preset_is_as_large_as_a_dynamic_tree() -> None:
    auto = ModeContestant(engine(), parse_mode("auto", GREEDY))
    static = ModeContestant(engine(), parse_mode("static", GREEDY))
    dynamic = ModeContestant(engine(), parse_mode("dynamic", GREEDY))
    assert static.words.removeprefix("mc_sim_7b_63") == dynamic.words.removeprefix("dynamic")
    assert auto.drafts
    assert static.drafts
    assert not ModeContestant(engine(), parse_mode("plain", GREEDY)).drafts


@pytest.mark.parametrize(
    ("heads", "nodes", "expected"),
    # The first path that is 2, 3 and 4 deep stands at 1, 5 and 36.
    [(1, 8, 2), (2, 8, 6), (2, 64, 6), (3, 8, 8), (3, 64, 37), (4, 64, 64)],
)
def test_a_preset_is_cut_to_what_the_heads_reach(heads: int, nodes: int, expected: int) -> None:
    few = engine_with_heads(heads)
    decode = replace(GREEDY, tree_size=nodes)
    static = ModeContestant(few, parse_mode("static", decode))
    assert static.words == f"mc_sim_7b_63, {expected} nodes"
    sample = static.answer(PROMPT, lambda: False)
    plain = ModeContestant(few, parse_mode("plain", decode)).answer(PROMPT, lambda: False)
    assert sample.tokens == plain.tokens
    assert sample.forward_steps < plain.forward_steps


@pytest.mark.parametrize("heads", [2, 3])
def test_every_default_mode_fits_few_heads(heads: int) -> None:
    modes = [parse_mode(name, GREEDY) for name in DEFAULT_MODES]
    made = contestants_of(engine_with_heads(heads), modes)
    assert [one.name for one in made] == list(DEFAULT_MODES)


def test_a_size_that_is_asked_for_is_not_cut() -> None:
    with pytest.raises(UsageError, match=r"--modes static:8: .* 3 deep, but the model has 2 heads"):
        contestants_of(engine_with_heads(2), [parse_mode("static:8", GREEDY)])


def test_a_tree_that_is_too_deep_for_the_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "deep.json"
    file.write_text(json.dumps([[0] * depth for depth in range(1, 6)]), "utf-8")
    deep = parse_mode(str(file), GREEDY)
    with pytest.raises(UsageError, match="5 deep, but the model has 4 heads"):
        ModeContestant(engine(), deep)
    # Cut to what four heads can guess, it fits.
    assert ModeContestant(engine(), parse_mode(f"{file}:5", GREEDY)).drafts


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_all_modes_give_the_same_tokens_from_an_empty_cache(temperature: float) -> None:
    decode = replace(GREEDY, temperature=temperature)
    samples = []
    for name in ("plain", "static", "dynamic:6", "dynamic:6+heads", "chain", "auto"):
        contestant = ModeContestant(engine(), parse_mode(name, decode))
        first = contestant.answer(PROMPT, lambda: False)
        again = contestant.answer(PROMPT, lambda: False)
        assert first.tokens == again.tokens
        assert again.figures.reused_tokens == 0
        samples.append(first)
    assert len({one.tokens for one in samples}) == 1
    plain = samples[0]
    assert len(plain.tokens) == GREEDY.max_new_tokens
    assert plain.forward_steps == GREEDY.max_new_tokens - 1
    assert plain.figures.accepted_per_step == 1.0
    # The automatic tree may find that plain decoding is the fastest.
    assert all(one.forward_steps < plain.forward_steps for one in samples[1:-1])
    for one in samples:
        assert one.step_seconds == one.figures.decode_seconds / one.forward_steps
        assert isinstance(one.figures, Figures)


def test_a_reply_can_be_stopped() -> None:
    contestant = ModeContestant(engine(), parse_mode("plain", GREEDY))
    assert contestant.answer(PROMPT, lambda: True).stop_reason == "cancelled"
