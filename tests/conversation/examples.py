"""Conversations that the tests share."""

from __future__ import annotations

from datetime import UTC, datetime

from medusa_chat.conversation.conversation import Conversation, Outcome, Recipe, Turn

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
)

OUTCOME = Outcome("eos", {"tokens": 3, "accepted_counts": [1, 1]}, "94 tok/s · 3 tokens")


def asked(text: str) -> Turn:
    return Turn("user", text, NOON)


def replied(text: str, recipe: Recipe | None = RECIPE, outcome: Outcome | None = OUTCOME) -> Turn:
    return Turn("assistant", text, NOON, recipe, outcome)


def conversation(*turns: Turn, title: str = "How do trees work?") -> Conversation:
    return Conversation(title, NOON, turns)
