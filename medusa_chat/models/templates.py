"""The chat templates of the common families, for models that bring none. Standard library only.

Each writes what its makers' own one writes: FastChat's ``vicuna_v1.1``, and the templates of
zephyr-7b-beta, Mistral-7B-Instruct-v0.2, Llama-2-7b-chat, Meta-Llama-3-8B-Instruct, gemma-7b-it,
Phi-3-mini-4k-instruct and openchat-3.5-0106. Two differences: a conversation whose turns do not
alternate is written as it stands, and Zephyr's begins with the begin-of-text token, which its own
leaves to the tokenizer (the model, and the heads of it, were trained with it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medusa_chat.errors import UsageError


@dataclass(frozen=True, slots=True)
class Family:
    """A way of speaking to a model. ``template`` is Jinja, as transformers runs it."""

    name: str
    template: str
    fragments: tuple[str, ...] = ()
    """A model whose name holds one of these, in lower case, belongs to the family."""
    stop: tuple[str, ...] = ()
    """Texts that end a reply: for a template that no token ends a turn of."""


_VICUNA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] + ' ' }}"
    "{% else %}{{ 'A chat between a curious user and an artificial intelligence "
    "assistant. The assistant gives helpful, detailed, and polite answers to the user\\'s "
    "questions. ' }}{% endif %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ 'USER: ' + message['content'] + ' ' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ 'ASSISTANT: ' + message['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
_ZEPHYR = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] }}{{ eos_token }}{{ '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
# The space before [INST] is that of Mistral's own tokenizer, which encodes each turn by itself.
_MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ ' [INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] }}{{ eos_token }}"
    "{% else %}{{ raise_exception('no system role') }}{% endif %}{% endfor %}"
)
_LLAMA_2 = (
    "{% set first = messages[0]['role'] == 'system' %}"
    "{% for message in (messages[1:] if first else messages) %}"
    "{% if message['role'] == 'user' %}{{ bos_token }}{{ '[INST] ' }}"
    "{% if first and loop.first %}{{ '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' "
    "+ message['content'].rstrip() }}{% else %}{{ message['content'].strip() }}{% endif %}"
    "{{ ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'].strip() + ' ' }}{{ eos_token }}{% endif %}{% endfor %}"
)
_LLAMA_3 = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' "
    "+ message['content'].strip() + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
_CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_GEMMA = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else 'user') + '\\n' "
    "+ message['content'].strip() + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
_PHI_3 = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
_OPENCHAT = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ 'GPT4 Correct ' + message['role'].title() + ': ' + message['content'] "
    "+ '<|end_of_turn|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'GPT4 Correct Assistant:' }}{% endif %}"
)
_PLAIN = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
    "{% else %}{{ message['role'].capitalize() + ': ' + message['content'] + '\\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)

PLAIN = Family("plain", _PLAIN, stop=("\nUser:",))
"""For a model that nothing is known of."""

# Vicuna's turns end with a token, as FastChat has it, and at no text: "USER:" may be part of a
# good answer, and a model that runs on writes it in other ways as well. The order is that of the
# search: openchat and hermes models are named after the Mistral or Llama that they come from too.
_FAMILIES = (
    Family("vicuna", _VICUNA, ("vicuna",)),
    Family("zephyr", _ZEPHYR, ("zephyr", "tinyllama-1.1b-chat")),
    Family("openchat", _OPENCHAT, ("openchat", "starling-lm")),
    Family("chatml", _CHATML, ("chatml", "qwen", "hermes")),
    Family("mistral", _MISTRAL, ("mistral", "mixtral")),
    Family("llama-2", _LLAMA_2, ("llama-2", "llama2")),
    Family("llama-3", _LLAMA_3, ("llama-3", "llama3")),
    Family("gemma", _GEMMA, ("gemma",)),
    Family("phi-3", _PHI_3, ("phi-3", "phi3")),
    PLAIN,
)

FAMILIES: tuple[str, ...] = tuple(family.name for family in _FAMILIES)
"""The names that can be chosen."""


def family(name: str) -> Family:
    """Return the family called ``name``. Raises UsageError, listing them all, for another word."""
    for one in _FAMILIES:
        if one.name == name:
            return one
    raise UsageError(f"The template {name!r} is not known: use {', '.join(FAMILIES)}.")


def guess(names: Sequence[str]) -> Family | None:
    """Return the family that the first telling one of ``names`` belongs to; None if none tells.

    A name is a Hub id or a path; of a path only the end counts, and not whose home it lies in.
    """
    for name in names:
        end = "/".join(Path(name).parts[-2:]).lower()
        for one in _FAMILIES:
            if any(fragment in end for fragment in one.fragments):
                return one
    return None
