"""Token ids to text as they come: never half a character, never part of a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# The beginning of a character has at most three bytes, one token each at the worst.
_LONGEST_BEGINNING = 3
_LONGEST_WAIT = 8
_LONGEST_STRETCH = 16
"""Tokens decoded again with each new one; a stretch that begins anew costs another decoding."""


class Detokenizer:
    """Decodes one sequence incrementally.

    What a token adds to the text depends on those before it, so the last decoded stretch is decoded
    again together with the new tokens, and the difference is the new text. ``context`` holds
    tokens that come before the text, for tokenizers whose first token loses its leading space.
    ``pieces`` is what single tokens were seen to add; it may outlive the sequence.
    """

    def __init__(
        self,
        decode: Callable[[list[int]], str],
        context: Sequence[int] = (),
        pieces: dict[int, str] | None = None,
    ) -> None:
        self._decode = decode
        self._pieces = {} if pieces is None else pieces
        self._foreseen: list[int] = []
        self._known = list(context)
        self._known_text = decode(self._known)
        self._pending: list[int] = []

    def foresee(self, tokens: Sequence[int]) -> None:
        """Prepare for ``tokens`` to be pushed: decoded together they take the time of one.

        If they come to what each of them added before, it is known what each adds now.
        """
        self._foreseen = []
        pieces = [self._pieces.get(token) for token in tokens]
        if len(tokens) < 2 or self._pending or None in pieces:
            return
        if len(self._known) + len(tokens) > _LONGEST_STRETCH:
            # The last token begins the next stretch, unless it is a part of a character.
            if len(tokens) >= _LONGEST_STRETCH or self._known[-1] not in self._pieces:
                return
            self._known = self._known[-1:]
            self._known_text = self._decode(self._known)
        text = "".join([self._known_text, *filter(None, pieces)])
        if self._decode([*self._known, *tokens]) == text:
            self._foreseen = [*reversed(tokens)]
        else:
            for token in tokens:
                self._pieces.pop(token, None)

    def push(self, token: int) -> str:
        """Return the text that ``token`` completes; empty while a character is unfinished."""
        if self._foreseen:
            if self._foreseen.pop() == token:
                piece = self._pieces[token]
                self._known.append(token)
                self._known_text += piece
                return piece
            self._foreseen = []
        self._pending.append(token)
        known = self._known_text
        text = self._decode(self._known + self._pending)
        settled = len(self._pending)
        if text.endswith(_REPLACEMENT):
            if settled < _LONGEST_WAIT:
                return ""
            # Bytes that make no character, but for the last ones, which may begin one.
            settled -= _LONGEST_BEGINNING
            text = self._decode(self._known + self._pending[:settled])
        if text != known:
            if settled == 1:
                self._pieces[token] = text[len(known) :]
            self._settle(settled, text)
        return text[len(known) :]

    def finish(self) -> str:
        """Return what is left: the replacement characters of bytes that make no character."""
        known = self._known_text
        text = self._decode(self._known + self._pending)
        self._known, self._known_text, self._pending = self._known + self._pending, text, []
        return text[len(known) :]

    def _settle(self, count: int, text: str) -> None:
        """Count the first pending tokens as known; ``text`` is that of all known ones then."""
        settled = self._pending[:count]
        self._pending = self._pending[count:]
        if len(self._known) + count <= _LONGEST_STRETCH:
            self._known += settled
            self._known_text = text
        else:
            self._known, self._known_text = settled, self._decode(settled)


class StopStrings:
    """Holds back text that may be the beginning of a stop string; ends at the first whole one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""

    def push(self, text: str) -> tuple[str, bool]:
        """Return the text that may be shown, and whether a stop string is complete."""
        if not self._stops:
            return text, False
        self._held += text
        found = [at for at in map(self._held.find, self._stops) if at >= 0]
        if found:
            shown, self._held = self._held[: min(found)], ""
            return shown, True
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        shown, self._held = (
            self._held[: len(self._held) - keep],
            self._held[len(self._held) - keep :],
        )
        return shown, False

    def finish(self) -> str:
        """Return what was held back, since no stop string came of it."""
        shown, self._held = self._held, ""
        return shown


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of ``text`` that begins ``stop``."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
