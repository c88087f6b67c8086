"""Tokens that steer a chat, where a person merely writes them: ``</s>`` in a question stays text.

A chat template joins markers and messages into one text, in which a marker that a message spells
out looks like the template's own: it would end the turn, or begin another's. So a mark is set into
each that a message holds, behind its first character, before the template is applied; the text is
cut at the marks, and the pieces are encoded one by one. The model then reads the same characters as
ordinary tokens. A prompt without such text is encoded in one piece.

Markers that are no tokens (``USER:``, ``[INST]`` of the older models) cannot be told from text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from medusa_chat.conversation.reasoning import TAGS

_ANCHOR = "\n"
"""Stands before a piece while it is encoded, so that it is not taken for the beginning of a text:
SentencePiece would put a space there. A newline joins with nothing that follows."""

# Private use: the first that no message holds.
_MARKS = range(0xF0000, 0xFFFFE)


class ControlTokens:
    """Those of a tokenizer and a template: all special tokens, and others that the template names.

    An assistant's message may hold the tags of thinking: there they are the model's own.
    """

    def __init__(self, tokenizer: Any, template: str) -> None:
        self._tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder.values()
        self._tokens = tuple(
            content
            for content, special in ((str(token), token.special) for token in added)
            # Words and white space may be added tokens as well, and mean no harm.
            if len(content) > 1
            and (special or (content in template and not content.isalnum() and content.strip()))
        )

    def mark(self, messages: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, str]], str]:
        """Return ``messages`` with a mark in each control token of theirs, and that mark."""
        contents = "".join(message["content"] for message in messages)
        mark = next(chr(code) for code in _MARKS if chr(code) not in contents)
        return [
            {**message, "content": self._marked(message["content"], message["role"], mark)}
            for message in messages
        ], mark

    def encode(self, text: str, mark: str) -> list[int]:
        """Return the ids of a templated ``text``: its pieces between the marks, in order."""
        first, *others = text.split(mark)
        ids = self._ids(first)
        before = self._ids(_ANCHOR)
        for piece in others:
            of_piece = self._ids(_ANCHOR + piece)
            if of_piece[: len(before)] == before:
                ids += of_piece[len(before) :]
            else:
                ids += self._ids(piece)
        return ids

    def _marked(self, text: str, role: str, mark: str) -> str:
        own = TAGS if role == "assistant" else ()
        found = [token for token in self._tokens if token in text and token not in own]
        if not found:
            return text
        # Looked for at every character: behind the beginning of one another may begin.
        beginning = re.compile(f"(?={'|'.join(map(re.escape, found))})")
        cuts = [match.start() + 1 for match in beginning.finditer(text)]
        return mark.join(
            text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
        )

    def _ids(self, text: str) -> list[int]:
        # A template writes its own special tokens: the tokenizer must not add them again.
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
