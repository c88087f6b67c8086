"""What ends a reply, when several things would."""

from __future__ import annotations

import pytest

from medusa_chat.decoding.reply_output import Ending, ReplyOutput
from medusa_chat.decoding.stats import StopReason

EOS = 1


def decode(ids: list[int]) -> str:
    return bytes(number for number in ids if number >= 32).decode(errors="replace")


def output(
    *, stop: tuple[str, ...] = (), max_new_tokens: int = 100, room: int = 1000
) -> ReplyOutput:
    return ReplyOutput(Ending(frozenset([EOS]), stop, max_new_tokens), room, decode)


def pushed(reply: ReplyOutput, ids: list[int] | bytes) -> str:
    """Push each id as a burst of its own, until the reply ends; return the text shown."""
    text = ""
    for token in ids:
        if reply.stop_reason is None:
            text += reply.push(token, root=True)
    return text


@pytest.mark.parametrize(
    ("reply", "ids", "text", "reason"),
    [
        (output(), [*b"ab", EOS, *b"c"], "ab", "eos"),
        (output(max_new_tokens=2), b"abc", "ab", "length"),
        (output(room=2), b"abc", "ab", "context"),
        (output(max_new_tokens=2, room=2), b"abc", "ab", "length"),
        (output(stop=("b",)), b"abc", "a", "stop"),
        # The last token that may come is also the end of a stop string, or an end of text.
        (output(stop=("b",), max_new_tokens=2), b"abc", "a", "stop"),
        (output(max_new_tokens=3), [*b"ab", EOS], "ab", "eos"),
        # What was held back is shown when nothing comes of it.
        (output(stop=("bcd",)), [*b"abc", EOS], "abc", "eos"),
        (output(stop=("bcd",), max_new_tokens=3), b"abcd", "abc", "length"),
        # Half a character at the limit.
        (output(max_new_tokens=2), "a€".encode(), "a\N{REPLACEMENT CHARACTER}", "length"),
    ],
)
def test_ends(reply: ReplyOutput, ids: list[int], text: str, reason: StopReason) -> None:
    assert pushed(reply, ids) == text
    assert reply.stop_reason == reason
    assert reply.tokens == len(reply.token_ids)


def test_bursts_hold_the_ids() -> None:
    reply = output()
    for token, root in ((97, True), (98, False), (99, True), (EOS, False)):
        reply.push(token, root=root)
    assert reply.bursts == [[97, 98], [99, EOS]]
    assert reply.token_ids == [97, 98, 99, EOS]


def test_nothing_comes_after_the_end() -> None:
    reply = output()
    reply.push(EOS, root=True)
    with pytest.raises(AssertionError):
        reply.push(97, root=True)
