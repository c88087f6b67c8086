"""Conversations to token ids: by the tokenizer's own chat template, else by the family's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from medusa_chat.conversation import reasoning
from medusa_chat.errors import ModelError, UsageError
from medusa_chat.models import templates
from medusa_chat.models.control_tokens import ControlTokens

Message = Mapping[str, str]
"""``{"role": "system" | "user" | "assistant", "content": ...}``"""

OWN = "own"
UNKNOWN = "unknown"

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_TURN_MARKERS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<|end_of_turn|>",
    "<|end|>",
    "<|endoftext|>",
    "</s>",
)


class ChatFormat:
    """How one model is spoken to.

    ``template`` is the family that the user named: it comes before all else. Without one the
    model's own template is used; for want of that the family that one of ``names`` tells; and for
    want of that plain User/Assistant lines. Raises UsageError for a family that does not exist.
    """

    def __init__(
        self,
        tokenizer: Any,
        names: Sequence[str],
        eos_ids: frozenset[int],
        template: str | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._decode = _decoding(tokenizer)
        self.stop: tuple[str, ...] = ()
        """Texts that end a turn."""
        self.notice: str | None = None
        family = None
        if template is not None:
            family = templates.family(template)
        elif not tokenizer.chat_template:
            family = templates.guess(names)
            if family is None:
                family = templates.PLAIN
                self.notice = "The model has no chat template: a plain User/Assistant one is used."
        self.source: str = OWN if family is None else UNKNOWN if self.notice else family.name
        """Where the template comes from: ``own``, a family's name, or ``unknown``."""
        self._family_template = None if family is None else family.template
        # A tokenizer may have several by name; all of them are searched for markers then.
        text = self._family_template or str(tokenizer.chat_template)
        self._drops_thinking = reasoning.CLOSING in text
        self._control_tokens = ControlTokens(tokenizer, text)
        vocabulary = tokenizer.get_vocab()
        markers = [marker for marker in _TURN_MARKERS if marker in text]
        self.eos_ids = eos_ids
        """Ends of text, as the model's own configuration has them."""
        self.turn_ids = eos_ids | {vocabulary[one] for one in markers if one in vocabulary}
        """Those, and the template's ends of a turn."""
        if family is not None:
            # A family that the tokenizer was not made for: the model spells its markers out.
            spelt_out = tuple(one for one in markers if one not in vocabulary)
            self.stop = (*family.stop, *spelt_out)

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Return the prompt's token ids, up to where the assistant's answer begins.

        If the last message is the assistant's, the ids go to its end: it is to be gone on with.
        A message's text is text: what looks like a special token in it is none. Raises ModelError
        as ``render`` does.
        """
        marked, mark = self._control_tokens.mark(messages)
        if marked and marked[-1]["role"] == "assistant":
            text = self._render_begun(marked)
        else:
            text = self.render(marked, asks=True)
        begin: str | None = self._tokenizer.bos_token
        if self._family_template and begin and text.startswith(begin):
            # The families' makers leave this token to the tokenizer, to which their text then is
            # the beginning of one: SentencePiece puts a space there, though not behind a token.
            ids = self._control_tokens.encode(text.removeprefix(begin), mark)
            return [self._tokenizer.bos_token_id, *ids]
        return self._control_tokens.encode(text, mark)

    def render(self, messages: Sequence[Message], *, asks: bool) -> str:
        """Return the template's text; with ``asks`` up to where the assistant would answer.

        The thinking of answers before the last question is left out, as templates of reasoning
        models do it: where the template does not see to that itself, it is done here. A template
        that knows no system message gets it before the first user message. Raises ModelError, with
        the template's own words, when it refuses the conversation.
        """
        turns = messages if self._drops_thinking else _without_thinking(messages)
        try:
            text: str = self._tokenizer.apply_chat_template(
                list(turns),
                chat_template=self._family_template,
                add_generation_prompt=asks,
                tokenize=False,
            )
        except Exception as error:  # a template is the model's own program
            if len(turns) > 1 and turns[0]["role"] == "system":
                system, first, *rest = turns
                joined = f"{system['content']}\n\n{first['content']}"
                return self.render([{"role": first["role"], "content": joined}, *rest], asks=asks)
            raise ModelError(
                f"The model's chat template refuses this conversation: {error}."
            ) from error
        return text

    def _render_begun(self, messages: Sequence[Message]) -> str:
        """Return the template's text up to the end of the last message, an answer's beginning."""
        *before, begun = messages
        asking, text = self.render(before, asks=True), begun["content"]
        opening = reasoning.opening_at_end(asking)
        if opening and text.startswith(opening):
            return asking + text.removeprefix(opening)
        if text[:1].isspace():
            return asking + text
        # Some templates put a space before an answer, which decoding a first token leaves out.
        try:
            whole = self.render(messages, asks=False)
        except ModelError:
            return asking + text
        rest = whole.removeprefix(asking)
        answer = rest.lstrip()
        if rest != whole and answer.startswith(text.rstrip()):
            return asking + rest.removesuffix(answer) + text
        return asking + text

    @cached_property
    def reply_opening(self) -> str:
        """What the template writes of a reply: a ``<think>`` that the model goes on from, or ""."""
        try:
            prompt = self.render([{"role": "user", "content": "Hello"}], asks=True)
        except ModelError:
            return ""
        return reasoning.opening_at_end(prompt)

    def encode_raw(self, text: str) -> list[int]:
        """Return the ids of ``text`` as it stands, with the tokenizer's own special tokens."""
        ids: list[int] = self._tokenizer(text)["input_ids"]
        if not ids:
            raise UsageError("The prompt is empty: there is nothing to continue.")
        return ids

    def decode(self, ids: list[int]) -> str:
        """Return the text of ``ids`` without special tokens, every space kept."""
        return self._decode(ids)

    def token_text(self, token: int) -> str:
        """Return the text of one token with its leading space; a special one's is its name.

        Part of a character is a replacement character, or the byte's name where it has one.
        """
        # Behind another one: the first token of a text can lose its space.
        text = self.decode([*self._anchor, token]).removeprefix(self.decode([*self._anchor]))
        if text and text != _REPLACEMENT:
            return text
        name: str | None = self._tokenizer.convert_ids_to_tokens(token)
        if name is None or (text and not name.startswith("<")):
            return text
        return name

    @cached_property
    def _anchor(self) -> list[int]:
        ids: list[int] = self._tokenizer("a", add_special_tokens=False)["input_ids"]
        return ids


def _without_thinking(messages: Sequence[Message]) -> list[Message]:
    questions = [at for at, message in enumerate(messages) if message["role"] == "user"]
    last = max(questions, default=0)
    return [
        {**message, "content": reasoning.answer(message["content"])}
        if message["role"] == "assistant" and at < last
        else message
        for at, message in enumerate(messages)
    ]


def _decoding(tokenizer: Any) -> Callable[[list[int]], str]:
    """Return what decodes ids with ``tokenizer``, without special tokens, every space kept."""
    from transformers import PreTrainedTokenizerFast as Usual

    kind = type(tokenizer)
    if issubclass(kind, Usual) and kind.decode is Usual.decode and kind._decode is Usual._decode:
        # What transformers does around its backend takes as long, and does nothing for such ids.
        return partial(tokenizer.backend_tokenizer.decode, skip_special_tokens=True)
    return partial(tokenizer.decode, skip_special_tokens=True, clean_up_tokenization_spaces=False)
