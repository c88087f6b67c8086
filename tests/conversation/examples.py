"""Chats that the tests share."""

from __future__ import annotations

from datetime import UTC, datetime

from medusa_chat.conversation.chat import Chat
from medusa_chat.conversation.conversation import Conversation, Message, Outcome, Recipe
from medusa_chat.conversation.store import Store

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

RECIPE = Recipe(
    model="builtin",
    base_model="builtin",
    dtype="float32",
    device="cpu",
    quantization="none",
    mode="medusa",
    tree="dynamic, 8 nodes",
    acceptance="exact",
    temperature=0.7,
    top_p=1.0,
    top_k=0,
    seed=7,
    max_new_tokens=512,
    system="Be brief.",
    versions={"medusa-chat": "0.1.0"},
    draft="all",
    posterior_threshold=0.09,
    posterior_alpha=0.3,
    stop=("###",),
)

OUTCOME = Outcome("eos", {"tokens": 3, "accepted_counts": [1, 1]}, "94 tok/s · 3 tokens")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def asked(text: str) -> Message:
    return Message("user", text, NOON)


def replied(
    text: str, recipe: Recipe | None = RECIPE, outcome: Outcome | None = OUTCOME
) -> Message:
    return Message("assistant", text, NOON, recipe, outcome)


def conversation(*turns: Message, title: str = "How do trees work?") -> Conversation:
    return Conversation(title, NOON, turns)


def say(chat: Chat, prompt: str, reply: str, outcome: Outcome = OUTCOME) -> tuple[Message, Message]:
    """Ask in a chat and have it answered at once."""
    asking = chat.add_prompt(prompt)
    writing = chat.start_reply(asking, RECIPE)
    writing.append(reply)
    return asking, writing.end(outcome)


def chat_with(store: Store, *texts: str) -> Chat:
    """Return a new chat in which these prompts and replies were said in turn."""
    chat = store.new_chat()
    for prompt, reply in zip(texts[::2], texts[1::2], strict=True):
        say(chat, prompt, reply)
    return chat


def texts(chat: Chat) -> list[str]:
    return [message.content for message in chat.path]
