from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medusa_chat.engine.overflow import overflow
from medusa_chat.engine.protocol import ChatMessage, Overflow

if TYPE_CHECKING:
    from collections.abc import Sequence

SYSTEM = ChatMessage("system", "s" * 10)


def encode(messages: Sequence[ChatMessage]) -> list[int]:
    """Give every character a token."""
    return [0] * sum(len(message.content) for message in messages)


def talk(*lengths: int) -> list[ChatMessage]:
    roles = ("user", "assistant")
    return [ChatMessage(roles[at % 2], "x" * length) for at, length in enumerate(lengths)]  # type: ignore[arg-type]


@pytest.mark.parametrize("system", [[], [SYSTEM]])
def test_so_much_is_spare_that_half_of_the_context_is_free(system: list[ChatMessage]) -> None:
    messages = [*system, *talk(10, 10, 10, 10, 10, 10, 10, 10, 10)]
    found = overflow(messages, encode, 80)
    kept = messages[len(system) + found.spare_messages :]
    assert kept[0].role == "user"
    assert len(encode([*system, *kept])) <= 40
    assert len(encode([*system, *messages[len(system) + found.spare_messages - 2 :]])) > 40
    assert found.prompt_tokens == len(encode(messages))
    assert found.context_tokens == 80


def test_a_long_prompt_at_the_end_keeps_nothing_else() -> None:
    assert overflow(talk(10, 10, 10, 10, 70), encode, 80).spare_messages == 4


def test_a_prompt_that_never_fits_has_nothing_to_spare() -> None:
    assert overflow(talk(10, 10, 80), encode, 80) == Overflow(100, 80, 0)
    assert overflow(talk(100), encode, 80) == Overflow(100, 80, 0)
    assert overflow([SYSTEM, *talk(100)], encode, 80) == Overflow(110, 80, 0)


def test_a_reply_that_is_gone_on_with_stays() -> None:
    messages = talk(30, 30, 10, 20)
    assert overflow(messages, encode, 80).spare_messages == 2
    assert overflow(talk(30, 60), encode, 80).spare_messages == 0


def test_few_trials_are_enough() -> None:
    calls = 0

    def counted(messages: Sequence[ChatMessage]) -> list[int]:
        nonlocal calls
        calls += 1
        return encode(messages)

    overflow(talk(*[10] * 1001), counted, 500)
    assert calls < 15
