"""Replies that are measured begin alike, whatever was decoded before, and leave no trace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from untried_engine import engine as engine

from medusa_chat.decoding.automatic_tree import AutomaticTree
from medusa_chat.engine.local import Engine
from medusa_chat.engine.measured_run import measured_run
from medusa_chat.engine.protocol import ChatMessage, Prefill
from medusa_chat.errors import UsageError
from medusa_chat.settings import DecodeSettings

FIXED = DecodeSettings(
    tree="dynamic", tree_size=8, temperature=0, max_new_tokens=48, ignore_eos=True
)
DRAWN = replace(FIXED, temperature=0.8, seed=5)
AUTO = replace(FIXED, tree="auto", tree_size=None)
ASKED = (ChatMessage("user", "Tell me about the sea, the sea, the sea."),)


def never() -> bool:
    return False


def bursts(engine: Engine, settings: DecodeSettings, *messages: ChatMessage) -> list[list[int]]:
    """Decode an ordinary reply; return its tokens by bursts."""
    answer = engine.answer(messages or ASKED, settings)
    for _ in answer.run(never):
        pass
    return answer.decoding.output.bursts


def measured(engine: Engine, settings: DecodeSettings) -> tuple[list[list[int]], Prefill]:
    """Decode a measured reply; return its tokens by bursts, and how it was prefilled."""
    with measured_run(engine, ASKED, settings, never) as prefill:
        answer = engine.answer(ASKED, settings)
        for _ in answer.run(never):
            pass
        assert answer.decoding.reused_tokens == prefill.prompt_tokens - 1
    return answer.decoding.output.bursts, prefill


@pytest.mark.parametrize("settings", [FIXED, DRAWN], ids=["greedy", "drawn"])
def test_each_begins_as_the_first_did(engine: Engine, settings: DecodeSettings) -> None:
    plain = replace(settings, medusa=False)
    first, prefill = measured(engine, settings)
    assert prefill.reused_tokens == 0
    assert prefill.seconds > 0
    for before in (settings, plain, replace(settings, tree_size=12)):
        bursts(engine, before)
        again, prefill = measured(engine, settings)
        assert again == first
        assert prefill.reused_tokens == prefill.prompt_tokens - 1
        # As in a race, whichever comes first.
        measured(engine, before)
        assert measured(engine, settings)[0] == first
    engine.forget()
    one_by_one, _ = measured(engine, plain)
    assert measured(engine, settings)[0] == first
    assert [token for burst in first for token in burst] == [token for (token,) in one_by_one]
    assert len(first) < len(one_by_one)


def test_a_second_reply_would_have_drafted_from_the_first(engine: Engine) -> None:
    # What the others must not do: the counts of chains go on, and more is accepted.
    odds = engine.model.decoder.history.acceptance.odds()
    bursts(engine, FIXED)
    assert engine.model.decoder.history.acceptance.odds() != odds


def test_the_chat_goes_on_as_if_nothing_had_been(engine: Engine) -> None:
    second = (*ASKED, ChatMessage("assistant", "Hi."), ChatMessage("user", "And the sea?"))
    expected = [bursts(engine, FIXED), bursts(engine, FIXED, *second)]
    engine.forget()
    got = [bursts(engine, FIXED)]
    odds = engine.model.decoder.history.acceptance.odds()
    measured(engine, replace(FIXED, medusa=False))
    measured(engine, FIXED)
    assert engine.model.decoder.history.acceptance.odds() == odds
    got.append(bursts(engine, FIXED, *second))
    assert got == expected


def test_what_the_automatic_tree_believes_stays(engine: Engine) -> None:
    tree = engine.choose_tree(AUTO).shape
    assert isinstance(tree, AutomaticTree)
    for _ in engine.measure():
        pass
    for _ in range(3):
        bursts(engine, AUTO)
    accepted, believed = tree.grown._sizer.accepted, tree.grown.beliefs.known
    assert believed
    measured(engine, replace(AUTO, medusa=False))
    measured(engine, AUTO)
    assert engine.choose_tree(AUTO).shape is tree
    assert tree.grown._sizer.accepted == accepted
    assert tree.grown.beliefs.known == believed


@pytest.mark.parametrize("medusa", [True, False])
def test_one_that_is_cancelled_leaves_no_trace_either(engine: Engine, *, medusa: bool) -> None:
    settings = replace(FIXED, medusa=medusa)
    expected, _ = measured(engine, settings)
    bursts(engine, FIXED)
    odds = engine.model.decoder.history.acceptance.odds()
    with measured_run(engine, ASKED, settings, lambda: True) as prefill:
        answer = engine.answer(ASKED, settings)
        assert list(answer.run(lambda: True)) == [[]]
        assert answer.decoding.output.stop_reason == "cancelled"
    assert prefill.prompt_tokens > 0
    assert engine.model.decoder.history.acceptance.odds() == odds
    assert measured(engine, settings)[0] == expected


def test_what_cannot_be_answered(engine: Engine) -> None:
    acceptance = engine.model.decoder.history.acceptance
    with (
        pytest.raises(UsageError, match="empty"),
        measured_run(engine, [ChatMessage("user", " ")], FIXED, never),
    ):
        raise AssertionError
    assert engine.model.decoder.history.acceptance is acceptance
