"""Answers by the program's own decoding, with Medusa where the model has heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from medusa_chat.distillation.writer import Came, InterruptedWritingError, Question, Reply, unheeded
from medusa_chat.engine.local import Engine
from medusa_chat.errors import ContextFullError, ModelError, UsageError
from medusa_chat.settings import DecodeSettings


class EngineWriter:
    """Writes one answer at a time; ``engine`` has a model."""

    at_once = 1

    def __init__(self, engine: Engine, decode: DecodeSettings) -> None:
        self._engine = engine
        self._decode = decode
        self.words = f"one by one, tree: {engine.choose_tree(decode).words}"

    def replies(
        self, questions: Sequence[Question], cancelled: Callable[[], bool], came: Came = unheeded
    ) -> list[Reply]:
        """Return the replies. Raises InterruptedWritingError."""
        replies = []
        for at, question in enumerate(questions):
            replies.append(self._reply(question, cancelled))
            came(at, replies[-1])
        return replies

    def _reply(self, question: Question, cancelled: Callable[[], bool]) -> Reply:
        settings = replace(self._decode, temperature=question.temperature, seed=question.seed)
        try:
            answer = self._engine.answer(question.messages, settings)
        except ContextFullError as error:
            return Reply("", "no room", reason=str(error))
        except (UsageError, ModelError) as error:  # a template, or a token, that does not fit
            return Reply("", "refused", reason=str(error))
        text = "".join(one.text for emissions in answer.run(cancelled) for one in emissions)
        output = answer.decoding.output
        if output.stop_reason == "cancelled":
            raise InterruptedWritingError
        whole = output.stop_reason in ("eos", "stop")
        return Reply(text, "end" if whole else "truncated", output.tokens)
