"""Whose turn it is: prompts wait in line, one is being answered, all of it is written down."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_chat.decoding.stats import Figures
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.tui.reply_record import outcome_of, recipe_of

if TYPE_CHECKING:
    from medusa_chat.conversation.chat import Chat, Reply
    from medusa_chat.engine.protocol import Bursts, Loaded, Started
    from medusa_chat.settings import DecodeSettings
    from medusa_chat.tui.link import EngineLink


@dataclass(slots=True)
class Answer:
    """The reply that is being written."""

    reply_id: int
    prompt: int
    """The id of its prompt."""
    settings: DecodeSettings
    reply: Reply | None = None
    """What is written of it; None before the engine has begun."""
    started: Started | None = None
    figures: Figures = dataclasses.field(default_factory=Figures)
    stopping: bool = False


class Dialogue:
    """One conversation in progress, with whatever engine the link holds. Knows no screen."""

    def __init__(self, chat: Chat, link: EngineLink) -> None:
        self.chat = chat
        self._link = link
        self._waiting: list[int] = []
        self.answer: Answer | None = None

    @property
    def answering(self) -> Answer:
        """The reply that is being written; only while there is one."""
        assert self.answer is not None
        return self.answer

    def ask(self, text: str) -> int:
        """Write down a prompt, put it in line, and return its id."""
        prompt = self.chat.add_prompt(text)
        self._waiting.append(prompt.id)
        return prompt.id

    def answer_next(self, settings: DecodeSettings) -> Answer | None:
        """Have the next prompt answered; None when none waits or the engine is not free."""
        if not (self._waiting and self._link.is_free):
            return None
        prompt = self._waiting.pop(0)
        reply_id = self._link.ask(self.messages(prompt, settings), settings)
        self.answer = Answer(reply_id, prompt, settings)
        return self.answer

    def stop(self) -> bool:
        """Have the reply stopped; False when there is none, or it is being stopped already."""
        if self.answer is None or self.answer.stopping:
            return False
        self.answer.stopping = True
        self._link.cancel(self.answer.reply_id)
        return True

    def leave(self) -> None:
        """Write down a reply that nobody waits for any more, and have it stopped."""
        if self.answer is not None:
            self._link.cancel(self.answer.reply_id)
            self.end("cancelled")

    def start(self, started: Started, loaded: Loaded) -> None:
        """Write down how the reply is made."""
        answer = self.answering
        answer.started = started
        answer.reply = self.chat.start_reply(
            self.chat.message(answer.prompt), recipe_of(answer.settings, started, loaded)
        )

    def extend(self, bursts: Bursts) -> None:
        """Write down more of the reply."""
        answer = self.answering
        answer.figures = bursts.figures
        assert answer.reply is not None
        answer.reply.append("".join(piece.text for piece in bursts.pieces))

    def save_if_due(self) -> None:
        """Have what came of a reply saved, also when nothing more comes."""
        if self.answer is not None and self.answer.reply is not None:
            self.answer.reply.save_if_due()

    def end(self, stop_reason: str, figures: Figures | None = None) -> Answer:
        """Write down how the reply ended; without figures, those that came last hold."""
        answer = self.answering
        answer.figures = figures or answer.figures
        self.answer = None
        reply = answer.reply or self.chat.start_reply(self.chat.message(answer.prompt))
        reply.end(outcome_of(stop_reason, answer.figures))
        return answer

    def is_answering(self, reply_id: int | None) -> bool:
        """Tell whether this is the reply being written: others belong to a chat that was left."""
        return self.answer is not None and self.answer.reply_id == reply_id

    def messages(
        self, prompt: int | None, settings: DecodeSettings, text: str = ""
    ) -> tuple[ChatMessage, ...]:
        """Return what the engine answers; without a prompt's id, ``text`` asks at the end."""
        messages = [ChatMessage("system", settings.system)] if settings.system else []
        asking = None if prompt is None else self.chat.message(prompt)
        for asked, replied in self.chat.dialogue_before(asking):
            messages.append(ChatMessage("user", asked.content))
            messages.append(ChatMessage("assistant", replied.content))
        messages.append(ChatMessage("user", text if asking is None else asking.content))
        return tuple(messages)
