"""What a reply has emitted so far, and whether that ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medusa_chat.decoding.detokenizer import Detokenizer, StopStrings
from medusa_chat.decoding.stats import StopReason


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends a reply: a token of ``eos_ids``, a stop string, or ``max_new_tokens`` tokens."""

    eos_ids: frozenset[int] = frozenset()
    stop: tuple[str, ...] = ()
    max_new_tokens: int = 512


class ReplyOutput:
    """Bursts of token ids and their text. The token that ends a reply is kept; its text is not.

    ``room`` is how many tokens the context still holds; a reply that fills it ends there.
    """

    def __init__(
        self,
        ending: Ending,
        room: int,
        decode: Callable[[list[int]], str],
        context: Sequence[int] = (),
        pieces: dict[int, str] | None = None,
    ) -> None:
        """Begin behind ``context``. ``pieces`` is what tokens were seen to add to a text."""
        self.bursts: list[list[int]] = []
        self.tokens = 0
        self.stop_reason: StopReason | None = None
        self._ending = ending
        self._limit = min(ending.max_new_tokens, room)
        self._limit_reason: StopReason = "length" if ending.max_new_tokens <= room else "context"
        self._detokenizer = Detokenizer(decode, context, pieces)
        self._stop_strings = StopStrings(ending.stop)

    @property
    def token_ids(self) -> list[int]:
        """All tokens emitted, in order."""
        return [token for burst in self.bursts for token in burst]

    def foresee(self, tokens: Sequence[int]) -> None:
        """Prepare for ``tokens`` to be pushed one after the other, unless the reply ends before."""
        self._detokenizer.foresee(tokens)

    def push(self, token: int, *, root: bool) -> str:
        """Add a token, a ``root`` in a burst of its own; return the text that may now be shown.

        Sets ``stop_reason`` when the token ends the reply; nothing may be pushed after that.
        """
        assert self.stop_reason is None
        if root:
            self.bursts.append([])
        self.bursts[-1].append(token)
        self.tokens += 1
        if token in self._ending.eos_ids:
            return self.end("eos")
        text, stopped = self._stop_strings.push(self._detokenizer.push(token))
        if stopped:
            self.stop_reason = "stop"
        elif self.tokens >= self._limit:
            text += self.end(self._limit_reason)
        return text

    def end(self, reason: StopReason) -> str:
        """End the reply for ``reason``; return the text that was held back."""
        self.stop_reason = reason
        shown, stopped = self._stop_strings.push(self._detokenizer.finish())
        return shown if stopped else shown + self._stop_strings.finish()
