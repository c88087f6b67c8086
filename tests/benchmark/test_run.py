"""The order in which everybody answers, the conversations, and what happens to those who fail."""

from __future__ import annotations

from collections import Counter

from medusa_chat.benchmark.cases import Case
from medusa_chat.benchmark.contestant import Messages, Sample
from medusa_chat.benchmark.peers import PeerError
from medusa_chat.benchmark.run import measure, rotated
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import ContextFullError

from .measured import Scripted, sample


def case(name: str, *turns: str, opening: tuple[ChatMessage, ...] = ()) -> Case:
    return Case(name, "kind", tuple(ChatMessage("user", turn) for turn in turns), opening)


def test_rotation_puts_each_first_equally_often() -> None:
    contestants = [Scripted(name) for name in "abc"]
    firsts = Counter(rotated(contestants, by)[0].name for by in range(12))
    assert firsts == {"a": 4, "b": 4, "c": 4}
    assert [one.name for one in rotated(contestants, 1)] == ["b", "c", "a"]
    assert rotated([], 3) == []


def test_modes_are_interleaved_prompt_by_prompt_after_a_warm_up() -> None:
    log: list[str] = []
    contestants = [Scripted(name, log=log) for name in "abc"]
    measured = measure([case("one", "1"), case("two", "2")], contestants, repeats=2)
    warm_up, timed = log[:3], log[3:]
    assert warm_up == ["a", "b", "c"]
    assert "".join(timed) == "abc" + "bca" + "bca" + "cab"
    assert [item.id for item in measured.items] == ["one", "two"]
    assert all(len(item.samples[name]) == 2 for item in measured.items for name in "abc")


def test_a_conversation_goes_on_with_the_first_ones_answers() -> None:
    first = Scripted("first", lambda messages: sample(text=f"reply {len(messages)}"))
    second = Scripted("second", lambda _messages: sample(text="something else"))
    opening = (ChatMessage("system", "Be brief."),)
    measured = measure([case("c", "one", "two", opening=opening)], [first, second], repeats=1)
    assert [item.id for item in measured.items] == ["c/1", "c/2"]
    assert first.asked == second.asked
    assert first.asked[-1] == ("Be brief.", "one", "reply 2", "two")


def test_a_prompt_that_does_not_fit_is_named_with_those_behind_it() -> None:
    def answer(messages: Messages) -> Sample:
        if messages[-1].content == "long":
            raise ContextFullError("The prompt has 99 tokens.")
        return sample()

    contestants = [Scripted("plain"), Scripted("other", answer)]
    cases = [case("a", "short", "long", "late"), case("b", "short")]
    measured = measure(cases, contestants, repeats=1)
    assert [item.id for item in measured.items] == ["a/1", "b"]
    (skipped,) = measured.skipped
    assert skipped.id == "a/2"
    assert skipped.reason == "The prompt has 99 tokens. (and 1 behind it)"


def test_a_peer_that_fails_is_left_out_of_everything() -> None:
    def fail(messages: Messages) -> Sample:
        if messages[-1].content == "2":
            raise PeerError("peer failed: no such operator")
        return sample()

    plain, peer = Scripted("plain"), Scripted("peer", fail)
    measured = measure([case("a", "1"), case("b", "2"), case("c", "3")], [plain, peer], repeats=2)
    assert measured.dropped == {"peer": "peer failed: no such operator"}
    assert [item.id for item in measured.items] == ["a", "b", "c"]
    assert all(item.samples.keys() == {"plain"} for item in measured.items)
    assert all(len(item.samples["plain"]) == 2 for item in measured.items)


def test_interrupted_between_two_answers() -> None:
    log: list[str] = []
    contestants = [Scripted(name, log=log) for name in "ab"]
    measured = measure(
        [case(str(number), "x") for number in range(5)],
        contestants,
        repeats=1,
        cancelled=lambda: len(log) == 7,
    )
    assert measured.interrupted
    assert [item.id for item in measured.items] == ["0", "1"]
    assert all(item.samples.keys() == {"a", "b"} for item in measured.items)


def test_an_answer_that_was_cut_short_is_not_kept() -> None:
    count = 0

    def answer(_messages: Messages) -> Sample:
        nonlocal count
        count += 1
        if count == 3:
            return Sample((1,), "", sample().figures, 0, "cancelled")
        return sample()

    measured = measure([case("a", "1"), case("b", "2")], [Scripted("a", answer)], repeats=1)
    assert measured.interrupted
    assert [item.id for item in measured.items] == ["a"]
