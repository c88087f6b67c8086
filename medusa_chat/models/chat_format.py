"""Conversations to token ids: the tokenizer's own chat template, else one by the family's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medusa_chat.errors import ModelError, UsageError

Message = Mapping[str, str]
"""``{"role": "system" | "user" | "assistant", "content": ...}``"""

_VICUNA = (
    "{% if messages[0]['role'] == 'system' %}{{ bos_token + messages[0]['content'] + ' ' }}"
    "{% else %}{{ bos_token + 'A chat between a curious user and an artificial intelligence "
    "assistant. The assistant gives helpful, detailed, and polite answers to the user\\'s "
    "questions. ' }}{% endif %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ 'USER: ' + message['content'] + ' ' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ 'ASSISTANT: ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
_ZEPHYR = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
_MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}"
    "{% else %}{{ raise_exception('no system role') }}{% endif %}{% endfor %}"
)
_LLAMA_2 = (
    "{% set first = messages[0]['role'] == 'system' %}"
    "{% for message in (messages[1:] if first else messages) %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' }}"
    "{% if first and loop.first %}"
    "{{ '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' }}{% endif %}"
    "{{ message['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'] + ' ' + eos_token }}{% endif %}{% endfor %}"
)
_LLAMA_3 = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' "
    "+ message['content'] + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
_CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_PLAIN = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
    "{% else %}{{ message['role'].capitalize() + ': ' + message['content'] + '\\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
# The first whose name occurs in the model's name, in lower case.
_FAMILIES = (
    ("vicuna", _VICUNA),
    ("zephyr", _ZEPHYR),
    ("mixtral", _MISTRAL),
    ("mistral", _MISTRAL),
    ("llama-2", _LLAMA_2),
    ("llama2", _LLAMA_2),
    ("llama-3", _LLAMA_3),
    ("llama3", _LLAMA_3),
    ("qwen", _CHATML),
    ("chatml", _CHATML),
    ("hermes", _CHATML),
)
_TURN_MARKERS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<|end|>",
    "<|endoftext|>",
    "</s>",
)


class ChatFormat:
    """How one model is spoken to. ``names`` are its names, for want of a template of its own."""

    def __init__(self, tokenizer: Any, names: Sequence[str], eos_ids: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self.stop: tuple[str, ...] = ()
        self.notice: str | None = None
        template = tokenizer.chat_template
        self._template: str | None = None
        if not template:
            self._template = template = _by_family(names)
            if template is _PLAIN:
                self.stop = ("\nUser:",)
                self.notice = "The model has no chat template: a plain User/Assistant one is used."
        self.eos_ids = eos_ids
        """Ends of text, as the model's own configuration has them."""
        self.turn_ids = eos_ids | _turn_ids(tokenizer, str(template))
        """Those, and the template's ends of a turn."""

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Return the prompt's token ids, up to where the assistant's answer begins.

        Raises ModelError as ``render`` does.
        """
        text = self.render(messages, asks=True)
        # A template writes its own special tokens: the tokenizer must not add them again.
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def render(self, messages: Sequence[Message], *, asks: bool) -> str:
        """Return the template's text; with ``asks`` up to where the assistant would answer.

        A template that knows no system message gets it before the first user message. Raises
        ModelError, with the template's own words, when it refuses the conversation.
        """
        try:
            text: str = self._tokenizer.apply_chat_template(
                list(messages),
                chat_template=self._template,
                add_generation_prompt=asks,
                tokenize=False,
            )
        except Exception as error:  # a template is the model's own program
            if len(messages) > 1 and messages[0]["role"] == "system":
                system, first, *rest = messages
                joined = f"{system['content']}\n\n{first['content']}"
                return self.render([{"role": first["role"], "content": joined}, *rest], asks=asks)
            raise ModelError(
                f"The model's chat template refuses this conversation: {error}."
            ) from error
        return text

    def encode_raw(self, text: str) -> list[int]:
        """Return the ids of ``text`` as it stands, with the tokenizer's own special tokens."""
        ids: list[int] = self._tokenizer(text)["input_ids"]
        if not ids:
            raise UsageError("The prompt is empty: there is nothing to continue.")
        return ids

    def decode(self, ids: list[int]) -> str:
        """Return the text of ``ids`` without special tokens, every space kept."""
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


def _by_family(names: Sequence[str]) -> str:
    for name in names:
        for family, template in _FAMILIES:
            if family in name.lower():
                return template
    return _PLAIN


def _turn_ids(tokenizer: Any, template: str) -> frozenset[int]:
    """Return the ids of the turn markers that the template writes and the vocabulary holds."""
    vocabulary = tokenizer.get_vocab()
    return frozenset(
        vocabulary[marker]
        for marker in _TURN_MARKERS
        if marker in template and marker in vocabulary
    )
