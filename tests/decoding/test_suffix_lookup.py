"""Where the same was said before: the longest stretch, its last place, and how often it held."""

from __future__ import annotations

import random

import pytest

from medusa_chat.decoding.suffix_lookup import (
    MOST_MATCHED,
    ChainAcceptance,
    Match,
    SuffixLookup,
)


def lookup_in(text: str) -> SuffixLookup:
    lookup = SuffixLookup()
    lookup.extend([*text.encode()])
    return lookup


@pytest.mark.parametrize(
    ("text", "slot", "length"),
    [
        ("x", 0, 0),
        ("xyz", 0, 0),
        ("abcab", 2, 2),
        ("abxxcbxxb", 6, 1),  # the last of several single tokens
        ("abcd abce abc", 8, 4),  # not only the words: the space before them as well
        ("aaaa", 3, 3),  # right behind itself
        ("the cat sat. the cat ", 8, 8),
    ],
)
def test_finds_the_longest_stretch_that_ends_at_the_root(text: str, slot: int, length: int) -> None:
    assert lookup_in(text[:-1]).match(ord(text[-1])) == Match(slot, length)


def test_every_match_is_one() -> None:
    draws = random.Random(0)
    text = draws.choices(range(4), k=400)
    for end in range(1, 400, 7):
        lookup = SuffixLookup()
        lookup.extend(text[:end])
        found = lookup.match(text[end])
        assert found.length <= MOST_MATCHED
        if found.length:
            assert 0 < found.slot <= end
            before = text[: found.slot][-found.length :]
            assert before == text[: end + 1][-found.length :]
        else:
            assert text[end] not in text[:end]


def test_appended_in_pieces_and_cut_back_it_is_the_same() -> None:
    text = random.Random(1).choices(range(5), k=200)
    whole, pieces = SuffixLookup(), SuffixLookup()
    whole.extend(text[:120])
    for start in range(0, 200, 3):
        pieces.extend(text[start : start + 3])
    pieces.truncate(120)
    assert pieces.tokens == whole.tokens
    for root in range(6):
        assert pieces.match(root) == whole.match(root)


def test_a_longer_stretch_is_trusted_more_until_it_fails() -> None:
    acceptance = ChainAcceptance()
    odds = acceptance.odds()
    assert odds[0] == 0
    assert odds[1:] == sorted(odds[1:])
    for _ in range(50):
        acceptance.count(3, right=False)
        acceptance.count(5, right=True)
    changed = acceptance.odds()
    assert changed[3] < 0.1
    assert changed[5] > 10
    assert changed[4] == odds[4]
    acceptance.forget()
    assert acceptance.odds() == odds
