"""How much of a conversation that is too long has to stay behind."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from medusa_chat.engine.protocol import ChatMessage, Overflow

Encode = Callable[[Sequence[ChatMessage]], list[int]]


def overflow(messages: Sequence[ChatMessage], encode: Encode, context_tokens: int) -> Overflow:
    """Return how long a prompt is that leaves no room, and how many of its messages are spare.

    Without those the rest fills half of the context: each time that some are left out all of the
    prompt is read anew, so it shall not happen again soon. Where the last prompt alone takes more,
    all before it are spare; none are where it does not fit at all. A system message always stays.
    """
    first = 1 if messages and messages[0].role == "system" else 0
    questions = [at for at in range(first + 1, len(messages)) if messages[at].role == "user"]

    def tokens_from(at: int) -> int:
        return len(encode((*messages[:first], *messages[at:])))

    spare = 0
    if questions:
        # The more is left out the shorter it is, so a few trials find it.
        found = bisect_left(questions, True, key=lambda at: tokens_from(at) <= context_tokens // 2)
        at = questions[min(found, len(questions) - 1)]
        if tokens_from(at) < context_tokens:
            spare = at - first
    return Overflow(len(encode(messages)), context_tokens, spare)
