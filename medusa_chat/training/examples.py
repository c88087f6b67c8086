"""From records to token ids, with the tokens marked that the model would have had to generate.

In a dialogue those are the assistant's answers, each with its end-of-turn token, but none of the
template's markers; in a text, all. Chat templates differ too much to look for markers, so an
answer is found as what follows the prompt that would have asked for it: where the template writes
a prompt's text (``add_generation_prompt``) as the beginning of the whole dialogue's text, the
answer begins behind it. The whole is tokenized once; character offsets lead to the tokens. Of an
answer that was cut short nothing behind the cut is learnt: no end of turn, which its writer did not
write.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from medusa_chat.conversation import reasoning
from medusa_chat.errors import ModelError
from medusa_chat.models.chat_format import ChatFormat, Message
from medusa_chat.training.records import BadRecordError, Record

_ROLE = "assistant"


@dataclass(frozen=True, slots=True)
class Example:
    """A sequence to learn from: ``spans`` are the ranges [start, end) of ``ids`` to be guessed.

    All examples are kept in memory: an array takes 4 bytes a token, where a list takes 36.
    """

    ids: array[int]
    spans: tuple[tuple[int, int], ...]
    cut: int = 0
    """Tokens that did not fit and were left out."""


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A dialogue's text, and the characters where its answers begin and their messages end."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    cut: int | None = None
    """Where the last answer was cut short; None where it ended by itself."""


class Encoder:
    """Turns records into examples of at most ``max_length`` tokens for one tokenizer."""

    def __init__(self, tokenizer: Any, chat_format: ChatFormat, max_length: int) -> None:
        if not tokenizer.is_fast:
            raise ModelError(
                f"The tokenizer {type(tokenizer).__name__} tells no character offsets, by which "
                "the answers are found: this base model cannot be trained on dialogues."
            )
        self._tokenizer = tokenizer
        self._format = chat_format
        self.max_length = max_length
        self.split_dialogues = 0
        """Dialogues that had to be split, an example an answer: see ``_render``."""

    def encode(self, records: Sequence[Record]) -> list[list[Example] | BadRecordError]:
        """Return each record's examples, or why there are none. Many at once are faster."""
        results: list[list[Example] | BadRecordError] = []
        rendered: list[list[_Rendered]] = []
        for record in records:
            rendered.append([])
            results.append([])
            try:
                if record.messages is None:
                    results[-1] = self._windows(record.text)
                else:
                    rendered[-1] = self._render(list(record.messages), record.truncated)
            except BadRecordError as error:
                results[-1] = error
        texts = [one.text for dialogue in rendered for one in dialogue]
        encoded = iter(self._tokenize(texts))
        for index, dialogue in enumerate(rendered):
            found = [self._example(one, *next(encoded)) for one in dialogue]
            usable = [example for example in found if example.spans]
            if usable:
                results[index] = usable
            elif dialogue:
                results[index] = BadRecordError(
                    f"no answer begins within the first {self.max_length} tokens"
                )
        return results

    def _windows(self, text: str) -> list[Example]:
        """Cut a text into examples, each with the begin-of-text token that the tokenizer adds."""
        ids: list[int] = self._tokenizer(text, verbose=False)["input_ids"]
        begin = ids[:1] if ids and ids[0] == self._tokenizer.bos_token_id else []
        ids = ids[len(begin) :]
        # A text may spell the token out itself: one is enough.
        if begin and ids[:1] == begin:
            ids = ids[1:]
        if len(ids) < 2:
            raise BadRecordError("an empty text")
        room = self.max_length - len(begin)
        pieces = [ids[at : at + room] for at in range(0, len(ids), room)]
        return [
            Example(array("i", begin + piece), ((len(begin), len(begin) + len(piece)),))
            for piece in pieces
            if len(piece) > 1
        ]

    def _render(self, messages: list[Message], truncated: bool) -> list[_Rendered]:
        """Return the dialogue's text, or one text an answer where it must be split.

        Some templates write an earlier answer in another way than the last one (without its
        reasoning, say). There each answer becomes an example of its own, in the text that it is the
        last one of, which is what the model will see when it answers.
        """
        answers = [at for at, message in enumerate(messages) if at and message["role"] == _ROLE]
        if not answers:
            raise BadRecordError("no answer of the assistant")
        whole = self._text(messages, asks=False)
        prompts = [self._text(messages[:at], asks=True) for at in answers]
        ends = [self._text(messages[: at + 1], asks=False) for at in answers]
        cut = len(prompts[-1]), messages[answers[-1]]["content"]
        if all(map(whole.startswith, (*prompts, *ends))):
            found = _Rendered(whole, tuple(map(len, prompts)), tuple(map(len, ends)))
            return [replace(found, cut=_cut(whole, *cut)) if truncated else found]
        split = [
            _Rendered(end, (len(prompt),), (len(end),))
            for prompt, end in zip(prompts, ends, strict=True)
            if end.startswith(prompt)
        ]
        if split and truncated and ends[-1].startswith(prompts[-1]):
            split[-1] = replace(split[-1], cut=_cut(ends[-1], *cut))
        if not split:
            raise BadRecordError(
                "the chat template does not write the prompt as the beginning of the dialogue, "
                "so the answers cannot be told from it"
            )
        self.split_dialogues += 1
        return split

    def _text(self, messages: list[Message], *, asks: bool) -> str:
        try:
            return self._format.render(messages, asks=asks)
        except ModelError as error:
            raise BadRecordError(
                f"the chat template refuses the dialogue ({error.__cause__})"
            ) from error

    def _tokenize(self, texts: list[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        if not texts:
            return []
        # A template writes its own special tokens: the tokenizer must not add them again.
        encoded = self._tokenizer(
            texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        return list(zip(encoded["input_ids"], encoded["offset_mapping"], strict=True))

    def _example(
        self, rendered: _Rendered, ids: list[int], offsets: list[tuple[int, int]]
    ) -> Example:
        """Find the answers' tokens among ``ids``, which begin at the characters of ``offsets``."""
        begins = [begin for begin, _ in offsets]
        spans = []
        for start, end in zip(rendered.starts, rendered.ends, strict=True):
            # A token that straddles the prompt's end is not the model's to generate: it begins
            # before the answer, and is left out.
            first, last = bisect_left(begins, start), bisect_left(begins, end)
            turn = next((at for at in range(first, last) if ids[at] in self._format.turn_ids), last)
            # What the template writes behind the end of the turn is not generated either.
            last = min(turn + 1, last, self.max_length)
            if rendered.cut is not None and start == rendered.starts[-1]:
                # Nor is a token that reaches beyond the cut.
                while first < last and offsets[last - 1][1] > rendered.cut:
                    last -= 1
            if first < last:
                spans.append((first, last))
        return Example(
            array("i", ids[: self.max_length]), tuple(spans), max(len(ids) - self.max_length, 0)
        )


def _cut(text: str, start: int, content: str) -> int:
    """Return where ``content``, an answer that was cut short, ends in ``text``.

    ``start`` is where the prompt ends, which may hold the answer's first words (``<think>``). A
    template may strip an answer; where it writes it in yet another way nothing of it is sure, and
    none is to be learnt.
    """
    opening = reasoning.opening_at_end(text[:start]).strip()
    rest = content.lstrip().removeprefix(opening).lstrip()
    # What stands for half a character was never written as such.
    rest = rest.rstrip("\N{REPLACEMENT CHARACTER}")
    words = rest.rstrip()
    at = text.find(words, start)
    if at < 0 or text[start:at].strip():
        return start
    end, space = at + len(words), rest[len(words) :]
    return end + len(space) if text.startswith(space, end) else end
