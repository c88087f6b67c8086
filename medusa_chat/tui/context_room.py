"""What is left out when a conversation outgrows the model's context, and how it is summed up."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_chat.conversation.conversation import Cut
from medusa_chat.engine.protocol import ChatMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_chat.conversation.chat import Chat
    from medusa_chat.conversation.conversation import Message
    from medusa_chat.engine.protocol import Overflow
    from medusa_chat.settings import DecodeSettings

Pair = tuple["Message", "Message"]

_ASKING = (
    "Sum up our conversation so far in a few sentences, so that it can go on from your summary "
    "alone: names, facts, what was decided, what is open. Write the summary and nothing else."
)
_SHARE = 8
"""One part in so many of the context is what a summary may take."""
_SAFE = 0.6
"""Of the context: the markers of a template are not shortened, and the summary needs room."""


@dataclass(slots=True)
class Summary:
    """The model is summing up what will not be sent any more."""

    reply_id: int
    at: int
    """The prompt above which nothing will be sent."""
    share: float = 1.0
    """How much of each message the model is shown, from its beginning."""
    texts: list[str] = field(default_factory=list)

    @property
    def cut(self) -> Cut:
        """What is sent instead, as far as it has come."""
        from medusa_chat.conversation.reasoning import answer

        return Cut(answer("".join(self.texts)).strip())


def place(pairs: Sequence[Pair], spare_messages: int, asking: Message) -> Message:
    """Return the prompt above which the spare messages stand, ``asking`` being the last one."""
    left_out = spare_messages // 2
    return pairs[left_out][0] if left_out < len(pairs) else asking


def half(pairs: Sequence[Pair]) -> int:
    """Return how many of the oldest messages hold about half of the text; the last pair stays."""
    lengths = [len(asked.content) + len(replied.content) for asked, replied in pairs]
    left_out = 0
    while left_out < len(pairs) - 1 and sum(lengths[left_out:]) > sum(lengths) // 2:
        left_out += 1
    return 2 * left_out


def above(chat: Chat, at: Message) -> list[Pair]:
    """Return the prompts and replies that are sent now, and are not when ``at`` has a cut."""
    return [(asked, replied) for asked, replied in chat.dialogue_before(at) if asked.id != at.id]


def asking_to_sum_up(pairs: Sequence[Pair], share: float) -> list[ChatMessage]:
    """Return the messages, a system message apart, to which a summary is the answer.

    Of each the ``share`` at its beginning is shown.
    """
    messages: list[ChatMessage] = []
    for asked, replied in pairs:
        messages.append(ChatMessage("user", _begun(asked.content, share)))
        messages.append(ChatMessage("assistant", _begun(replied.content, share)))
    return [*messages, ChatMessage("user", _ASKING)]


def share_that_fits(overflow: Overflow) -> float:
    """Return how much of each message can be shown, where all of them are too long together."""
    return _SAFE * overflow.context_tokens / overflow.prompt_tokens


def _begun(text: str, share: float) -> str:
    return text if share >= 1 else text[: max(1, int(share * len(text)))] + "…"


def summary_settings(settings: DecodeSettings, context_tokens: int) -> DecodeSettings:
    """Return how a summary is decoded: as replies are, and short."""
    most = max(1, min(settings.max_new_tokens, context_tokens // _SHARE))
    return dataclasses.replace(settings, max_new_tokens=most, seed=None)
