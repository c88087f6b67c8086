"""A server that speaks OpenAI's protocol: one request of ``/chat/completions`` at a time.

The standard library alone. What may pass is asked for again after a pause: no connection, no
answer in time, a server that is busy or fails. Redirections are not followed, so that a key goes to
nobody but whom the user has named.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from medusa_chat.distillation.settings import ServerSettings
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import MedusaChatError

_MOST_BYTES = 32 * 2**20
_LONGEST_PAUSE_SECONDS = 60.0
_LONGEST_WORDS = 200
_PASSING = {408, 409, 425, 429}
"""And all from 500 on: another time it may work."""
_REFUSING = {400, 413, 422}
"""Of this one request; the next one may be taken."""


class RefusedError(Exception):
    """The server does not take this request; ``str(error)`` says why, in its own words."""


class _PassingError(Exception):
    """What may work another time; ``seconds`` is how long the server would have us wait."""

    def __init__(self, words: str, seconds: float | None = None) -> None:
        super().__init__(words)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Completion:
    """What the server has written. ``finish`` is its own word for why it ended there."""

    text: str
    tokens: int
    finish: str


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        """Have it be an error."""


def _to_nobody(_words: str) -> None:
    """Take what is told, and tell it nobody."""


class ChatServer:
    """The server of ``settings``. ``key`` is sent with each request, if there is one.

    ``notice`` is told why something is asked again, by whichever thread that does.
    """

    def __init__(
        self,
        settings: ServerSettings,
        key: str | None,
        pause: Callable[[float], object] = time.sleep,
        notice: Callable[[str], object] = _to_nobody,
    ) -> None:
        self._settings = settings
        self._key = key
        self._pause = pause
        self._notice = notice
        self._opener = urllib.request.build_opener(_NoRedirection)

    def model(self) -> str:
        """Return the model that is asked for: the one named, or the only one that there is.

        Raises MedusaChatError where the server has none, or several.
        """
        if self._settings.model is not None:
            return self._settings.model
        try:
            answer = self._asked("/models", None)
        except RefusedError as error:
            raise MedusaChatError(f"{self._settings.root}/models: {error}") from error
        match answer:
            case {"data": list(items)}:
                names = [one["id"] for one in items if isinstance(one, dict) and "id" in one]
            case _:
                names = []
        if len(names) == 1 and isinstance(names[0], str):
            return names[0]
        there = ", ".join(map(str, names[:8])) or "none"
        raise MedusaChatError(
            f"{self._settings.root} does not say which model to ask (it has {there}): name it with "
            "--model."
        )

    def complete(
        self, model: str, messages: Sequence[ChatMessage], options: dict[str, Any]
    ) -> Completion:
        """Return the answer to ``messages``.

        Raises RefusedError for a request that the server does not take, MedusaChatError when it
        cannot be asked at all.
        """
        turns = [{"role": one.role, "content": one.content} for one in messages]
        answer = self._asked(
            "/chat/completions", {"model": model, "messages": turns, "stream": False} | options
        )
        match answer:
            case {"choices": [{"message": dict(message), **choice}, *_]}:
                text, used = message.get("content"), answer.get("usage")
                tokens = used.get("completion_tokens") if isinstance(used, dict) else None
                return Completion(
                    text if isinstance(text, str) else "",
                    tokens if isinstance(tokens, int) else 0,
                    str(choice.get("finish_reason")),
                )
        raise MedusaChatError(
            f"{self._settings.root} answers, but not as OpenAI's servers do: is it the right "
            "address?"
        )

    def _asked(self, path: str, body: dict[str, Any] | None) -> Any:
        """Return what the server answers, after as many attempts as are allowed."""
        seconds = 1.0
        for attempt in range(self._settings.retries + 1):
            try:
                return self._once(path, body)
            except _PassingError as error:
                if attempt == self._settings.retries:
                    times = f", {attempt + 1} times" if attempt else ""
                    raise MedusaChatError(
                        f"{self._settings.root} cannot be asked: {error}{times}. What was written "
                        "is kept: the same command goes on when it answers."
                    ) from error
                wanted = seconds if error.seconds is None else error.seconds
                wanted = min(wanted, _LONGEST_PAUSE_SECONDS)
                self._notice(
                    f"{self._settings.root}: {error}. Asked again in {wanted:g} s "
                    f"({attempt + 1} of {self._settings.retries})."
                )
                self._pause(wanted)
                seconds *= 2
        raise AssertionError("the last attempt returns or raises")

    def _once(self, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Accept": "application/json", "User-Agent": "medusa-chat"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(  # noqa: S310  # http or https: the settings see to it
            self._settings.root + path, data, headers
        )
        try:
            with self._opener.open(request, timeout=self._settings.timeout_seconds) as answer:
                content = answer.read(_MOST_BYTES)
        except urllib.error.HTTPError as error:
            raise self._failure(error) from error
        except urllib.error.URLError as error:
            raise _PassingError(_words(str(error.reason))) from error
        except TimeoutError as error:
            raise _PassingError(f"no answer within {self._settings.timeout_seconds:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise _PassingError(_words(str(error)) or type(error).__name__) from error
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _PassingError("its answer is no JSON") from error

    def _failure(self, error: urllib.error.HTTPError) -> Exception:
        """Return what is to be raised for an answer that is an error."""
        try:
            words = _said(error.read(_MOST_BYTES)) or _words(str(error.reason))
        except (OSError, http.client.HTTPException):
            words = _words(str(error.reason))
        said = f"{error.code} ({words})"
        if error.code in _REFUSING:
            return RefusedError(said)
        if error.code in _PASSING or error.code >= 500:
            return _PassingError(said, _seconds(error.headers.get("Retry-After")))
        root = self._settings.root
        if error.code in (401, 403):
            return MedusaChatError(
                f"{root} refuses: {said}. Put its key into the environment variable "
                f"{self._settings.key_variable}, or name another with --key-variable."
            )
        if error.code == 404:
            return MedusaChatError(
                f"{root} does not know what it is asked for: {said}. Look at the address, and at "
                "the name in --model."
            )
        return MedusaChatError(f"{root} answers {said}: look at the address.")


def _said(content: bytes) -> str:
    """Return the message of an error's JSON, in the forms that servers give it; or its text."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        text = content.decode("utf-8", "replace").lstrip()
        # A page is for browsers: the status says as much.
        return "" if text.startswith("<") else _words(text)
    match answer:
        case {"error": {"message": str(words)}}:
            return _words(words)
        case {"error": str(words)} | {"message": str(words)} | {"detail": str(words)}:
            return _words(words)
    return _words(json.dumps(answer))


def _words(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST_WORDS else words[:_LONGEST_WORDS] + "…"


def _seconds(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header; a date counts for nothing."""
    if header is None or not header.strip().isdigit():
        return None
    return float(header)
