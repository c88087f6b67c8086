"""Answers by a server, several requests at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from medusa_chat.distillation.chat_server import ChatServer, RefusedError
from medusa_chat.distillation.writer import Came, InterruptedWritingError, Question, Reply, unheeded
from medusa_chat.settings import DecodeSettings

_WAITING = 4
"""Questions a request: one that takes long keeps the others from waiting less often."""
_POLL_SECONDS = 0.1


class ServerWriter:
    """Asks ``server`` for answers of ``model``, at most ``requests`` at a time."""

    def __init__(
        self, server: ChatServer, model: str, decode: DecodeSettings, requests: int
    ) -> None:
        self.at_once = _WAITING * requests
        self.words = f"{requests} request{'' if requests == 1 else 's'} at a time"
        self._server = server
        self._model = model
        self._decode = decode
        self._requests = requests

    def replies(
        self, questions: Sequence[Question], cancelled: Callable[[], bool], came: Came = unheeded
    ) -> list[Reply]:
        """Return the replies. Raises InterruptedWritingError, and what ``ChatServer`` does."""
        waiting: queue.SimpleQueue[tuple[int, Question]] = queue.SimpleQueue()
        for numbered in enumerate(questions):
            waiting.put(numbered)
        done: queue.SimpleQueue[tuple[int, Reply | Exception]] = queue.SimpleQueue()
        given_up = threading.Event()

        def work() -> None:
            while not given_up.is_set():
                try:
                    at, question = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    done.put((at, self._reply(question)))
                except Exception as error:  # noqa: BLE001  # raised again where it is waited for
                    done.put((at, error))

        # Daemons: nobody waits for a request that is given up.
        for _ in range(min(self._requests, len(questions))):
            threading.Thread(target=work, daemon=True).start()
        replies: dict[int, Reply] = {}
        failure: Exception | None = None
        try:
            while len(replies) < len(questions):
                if cancelled():
                    given_up.set()
                    if done.empty():  # what has come is not lost by it
                        raise InterruptedWritingError
                try:
                    at, reply = done.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                if isinstance(reply, Exception):
                    failure = failure or reply
                    given_up.set()
                else:
                    replies[at] = reply
                    came(at, reply)
                # What came beside a failure is not lost by it.
                if failure is not None and done.empty():
                    raise failure
        finally:
            given_up.set()
        return [replies[at] for at in range(len(questions))]

    def _reply(self, question: Question) -> Reply:
        options: dict[str, Any] = {
            "temperature": question.temperature,
            "max_tokens": self._decode.max_new_tokens,
            "seed": question.seed,
        }
        # What is not in OpenAI's protocol is sent only where it is asked for.
        further: tuple[tuple[str, Any, Any], ...] = (
            ("top_p", self._decode.top_p, 1.0),
            ("top_k", self._decode.top_k, 0),
            ("repetition_penalty", self._decode.repetition_penalty, 1.0),
            ("stop", list(self._decode.stop), []),
        )
        options |= {name: value for name, value, usual in further if value != usual}
        try:
            found = self._server.complete(self._model, question.messages, options)
        except RefusedError as error:
            return Reply("", "refused", reason=str(error))
        if found.finish == "content_filter":
            return Reply("", "refused", reason="the server's filter")
        return Reply(found.text, "truncated" if found.finish == "length" else "end", found.tokens)
