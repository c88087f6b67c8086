"""The conversation that is going on: in memory always, on disk as long as that works.

A prompt has an even position and its reply the odd one after it, so that a prompt sent while an
earlier one is still being answered keeps its place behind that answer.
"""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from medusa_chat.conversation.conversation import Conversation, Outcome, Recipe, Turn, title_of
from medusa_chat.errors import MedusaChatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_chat.conversation.store import Store

SAVE_SECONDS = 1.0
"""A reply that is being written is saved at most this often."""


class Journal:
    """Takes down one conversation, and saves every word of it as soon as it is said."""

    def __init__(
        self,
        store: Store | None,
        *,
        failure: MedusaChatError | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin an empty conversation; without a store, for which ``failure`` is the reason, it is
        kept in memory alone.
        """
        self._store = store
        self._clock = clock
        self._id: int | None = None
        self._title = "Untitled"
        self._created = datetime.now(UTC)
        self._turns: dict[int, Turn] = {}
        self._saved_at = -SAVE_SECONDS
        self.failure = failure
        """Why the conversation is no longer being saved; None while it is."""

    @classmethod
    def of(cls, store: Store, conversation_id: int) -> Journal:
        """Go on with a conversation of the store."""
        kept = store.load(conversation_id)
        journal = cls(store)
        journal._id, journal._title, journal._created = conversation_id, kept.title, kept.created
        prompts = -1
        for turn in kept.turns:
            prompts += turn.role == "user"
            journal._turns[2 * prompts + (turn.role == "assistant")] = turn
        return journal

    @property
    def conversation(self) -> Conversation:
        """The conversation as it stands."""
        turns = tuple(turn for _, turn in sorted(self._turns.items()))
        return Conversation(self._title, self._created, turns)

    def before(self, prompt: int) -> list[tuple[Turn, Turn]]:
        """Return the prompts before this one that were answered in words, with their replies.

        A prompt whose reply failed before its first word is no part of the dialogue: a model
        expects the roles to take turns, and the prompt may be the very one that did not fit.
        """
        pairs = []
        for position in range(0, prompt, 2):
            reply = self._turns.get(position + 1)
            if position in self._turns and reply is not None and reply.content:
                pairs.append((self._turns[position], reply))
        return pairs

    def text_of(self, prompt: int) -> str:
        """Return a prompt's text."""
        return self._turns[prompt].content

    def add_prompt(self, text: str) -> int:
        """Take down a prompt, save it, and return its position."""
        last = max(self._turns, default=-2)
        position = last + 2 - last % 2
        turn = Turn("user", _encodable(text), datetime.now(UTC))
        if not self._turns:
            self._title, self._created = title_of(turn.content), turn.created
        self._put(position, turn)
        return position

    def begin_reply(self, prompt: int, recipe: Recipe) -> None:
        """Take down that the prompt is being answered."""
        self._put(prompt + 1, Turn("assistant", "", datetime.now(UTC), recipe))

    def extend_reply(self, prompt: int, text: str) -> None:
        """Take down more of the reply; it is saved now and then."""
        turn = self._turns[prompt + 1]
        turn = dataclasses.replace(turn, content=turn.content + _encodable(text))
        self._turns[prompt + 1] = turn
        if self._clock() - self._saved_at >= SAVE_SECONDS:
            self._put(prompt + 1, turn)

    def end_reply(self, prompt: int, outcome: Outcome) -> None:
        """Take down how the reply ended, and save it whole."""
        turn = self._turns.get(prompt + 1) or Turn("assistant", "", datetime.now(UTC))
        self._put(prompt + 1, dataclasses.replace(turn, outcome=outcome))

    def _put(self, position: int, turn: Turn) -> None:
        self._turns[position] = turn
        self._saved_at = self._clock()
        if self._store is None or self.failure is not None:
            return
        try:
            if self._id is None:
                self._id = self._store.add(dataclasses.replace(self.conversation, turns=()))
            self._store.save(self._id, position, turn)
        except MedusaChatError as error:
            self.failure = error


def _encodable(text: str) -> str:
    """Replace half surrogate pairs, which neither a file nor a terminal can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
