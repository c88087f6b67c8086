"""Equal tokens are found equal, and a mode that differs is caught."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medusa_chat.benchmark.agreement import compare, first_difference
from medusa_chat.benchmark.contestant import Contestant, Sample
from medusa_chat.benchmark.modes import ModeContestant, parse_mode
from medusa_chat.benchmark.run import Item
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.settings import DecodeSettings

from .measured import GREEDY, Scripted, engine, sample

PROMPT = (ChatMessage("user", "def close(self):"),)


def test_where_two_replies_part() -> None:
    expected = sample([1, 2, 3])
    assert first_difference("a", expected, sample([1, 2, 3])) is None
    changed = first_difference("a", expected, sample([1, 9, 3]))
    assert changed is not None
    assert (changed.position, changed.tokens) == (1, (2, 9))
    longer = first_difference("a", expected, sample([1, 2, 3, 4]))
    assert longer is not None
    assert (longer.position, longer.tokens) == (3, (None, 4))
    shorter = first_difference("a", expected, sample([1, 2]))
    assert shorter is not None
    assert (shorter.position, shorter.tokens) == (2, (3, None))


def test_a_stop_text_ends_ours_alone() -> None:
    stopped = replace(sample([1, 2]), stop_reason="stop")
    assert first_difference("a", stopped, sample([1, 2, 3])) is None
    assert first_difference("a", stopped, sample([1])) is not None


def samples(decode: DecodeSettings) -> dict[str, list[Sample]]:
    contestant = ModeContestant(engine(), parse_mode("plain", decode))
    return {"plain": [contestant.answer(PROMPT, lambda: False)]}


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_mode_that_differs_is_caught_with_its_gap(temperature: float) -> None:
    decode = replace(GREEDY, temperature=temperature)
    right = samples(decode)["plain"]
    tokens = list(right[0].tokens)
    tokens[4] = (tokens[4] + 1) % 512
    wrong = replace(right[0], tokens=tuple(tokens))
    contestants: list[Contestant] = [Scripted("plain"), Scripted("good"), Scripted("broken")]
    items = [
        Item("1", "kind", PROMPT, {"plain": right, "good": right, "broken": [right[0], wrong]}),
        Item("2", "kind", PROMPT, dict.fromkeys(("plain", "good", "broken"), right)),
    ]
    plain, good, broken = compare(items, contestants, engine(), decode)
    assert plain.holds
    assert good.holds
    assert (good.replies, good.identical, good.first) == (2, 2, None)
    assert not broken.holds
    assert (broken.replies, broken.identical) == (2, 1)
    first = broken.first
    assert first is not None
    assert (first.item, first.position) == ("1", 4)
    assert first.tokens == (right[0].tokens[4], tokens[4])
    assert first.gap is not None
    assert first.gap > 0  # the model's own choice is above any other token


def test_the_gap_is_that_of_the_models_own_logits() -> None:
    right = samples(GREEDY)["plain"][0]
    forward = engine().model.decoder.forward
    prompt = engine().encode(PROMPT, GREEDY)
    engine().forget()
    import torch

    logits = forward.extend(torch.tensor(prompt)).logits[0]
    runner_up = int(logits.topk(2).indices[1])
    wrong = replace(right, tokens=(runner_up, *right.tokens[1:]))
    items = [Item("1", "kind", PROMPT, {"plain": [right], "other": [wrong]})]
    contestants: list[Contestant] = [Scripted("plain"), Scripted("other")]
    _, other = compare(items, contestants, engine(), GREEDY)
    assert other.first is not None
    top = logits.topk(2).values
    assert other.first.gap == pytest.approx(float(top[0] - top[1]), abs=1e-4)


def test_only_exact_ones_are_compared() -> None:
    contestants: list[Contestant] = [
        Scripted("typical", is_exact=False),
        Scripted("plain"),
        Scripted("auto"),
    ]
    one = [sample()]
    items = [Item("1", "kind", PROMPT, {"typical": [sample([9])], "plain": one, "auto": one})]
    agreements = compare(items, contestants, engine(), GREEDY)
    assert [(each.name, each.reference) for each in agreements] == [
        ("plain", "plain"),
        ("auto", "plain"),
    ]
    assert compare(items, contestants[:1], engine(), GREEDY) == []
