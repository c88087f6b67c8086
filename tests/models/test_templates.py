"""The families' prompts, character by character and token by token."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from medusa_chat.errors import UsageError
from medusa_chat.models.chat_format import ChatFormat
from medusa_chat.models.templates import FAMILIES, PLAIN, family, guess

SYSTEM = {"role": "system", "content": "Be brief."}
TURNS = [
    {"role": "user", "content": "Hello!"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "How are you?"},
]
VICUNA_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
HEADER = "<|start_header_id|>{}<|end_header_id|>\n\n"
USER, ASSISTANT = HEADER.format("user"), HEADER.format("assistant")

# Without and with a system message.
PROMPTS: dict[str, tuple[str, str]] = {
    "vicuna": (
        f"<s>{VICUNA_SYSTEM} USER: Hello! ASSISTANT: Hi.</s>USER: How are you? ASSISTANT:",
        "<s>Be brief. USER: Hello! ASSISTANT: Hi.</s>USER: How are you? ASSISTANT:",
    ),
    "zephyr": (
        "<s><|user|>\nHello!</s>\n<|assistant|>\nHi.</s>\n<|user|>\nHow are you?</s>\n"
        "<|assistant|>\n",
        "<s><|system|>\nBe brief.</s>\n<|user|>\nHello!</s>\n<|assistant|>\nHi.</s>\n"
        "<|user|>\nHow are you?</s>\n<|assistant|>\n",
    ),
    "openchat": (
        "<s>GPT4 Correct User: Hello!<|end_of_turn|>GPT4 Correct Assistant: Hi.<|end_of_turn|>"
        "GPT4 Correct User: How are you?<|end_of_turn|>GPT4 Correct Assistant:",
        "<s>GPT4 Correct System: Be brief.<|end_of_turn|>GPT4 Correct User: Hello!<|end_of_turn|>"
        "GPT4 Correct Assistant: Hi.<|end_of_turn|>GPT4 Correct User: How are you?<|end_of_turn|>"
        "GPT4 Correct Assistant:",
    ),
    "chatml": (
        "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\nHi.<|im_end|>\n"
        "<|im_start|>user\nHow are you?<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello!<|im_end|>\n"
        "<|im_start|>assistant\nHi.<|im_end|>\n<|im_start|>user\nHow are you?<|im_end|>\n"
        "<|im_start|>assistant\n",
    ),
    "mistral": (
        "<s> [INST] Hello! [/INST] Hi.</s> [INST] How are you? [/INST]",
        "<s> [INST] Be brief.\n\nHello! [/INST] Hi.</s> [INST] How are you? [/INST]",
    ),
    "llama-2": (
        "<s>[INST] Hello! [/INST] Hi. </s><s>[INST] How are you? [/INST]",
        "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello! [/INST] Hi. </s>"
        "<s>[INST] How are you? [/INST]",
    ),
    "llama-3": (
        f"<s>{USER}Hello!<|eot_id|>{ASSISTANT}Hi.<|eot_id|>{USER}How are you?<|eot_id|>{ASSISTANT}",
        f"<s>{HEADER.format('system')}Be brief.<|eot_id|>{USER}Hello!<|eot_id|>"
        f"{ASSISTANT}Hi.<|eot_id|>{USER}How are you?<|eot_id|>{ASSISTANT}",
    ),
    "gemma": (
        "<s><start_of_turn>user\nHello!<end_of_turn>\n<start_of_turn>model\nHi.<end_of_turn>\n"
        "<start_of_turn>user\nHow are you?<end_of_turn>\n<start_of_turn>model\n",
        "<s><start_of_turn>user\nBe brief.\n\nHello!<end_of_turn>\n<start_of_turn>model\nHi."
        "<end_of_turn>\n<start_of_turn>user\nHow are you?<end_of_turn>\n<start_of_turn>model\n",
    ),
    "phi-3": (
        "<|user|>\nHello!<|end|>\n<|assistant|>\nHi.<|end|>\n<|user|>\nHow are you?<|end|>\n"
        "<|assistant|>\n",
        "<|system|>\nBe brief.<|end|>\n<|user|>\nHello!<|end|>\n<|assistant|>\nHi.<|end|>\n"
        "<|user|>\nHow are you?<|end|>\n<|assistant|>\n",
    ),
    "plain": (
        "<s>User: Hello!\nAssistant: Hi.\nUser: How are you?\nAssistant:",
        "<s>Be brief.\n\nUser: Hello!\nAssistant: Hi.\nUser: How are you?\nAssistant:",
    ),
}
BEGINNINGS = {"chatml": 0, "phi-3": 0, "llama-2": 2}
"""How often a prompt of two questions holds the begin-of-text token, where that is not once."""


@cache
def sentencepiece_like(scheme: str) -> Any:
    """Return a tokenizer of single characters that puts spaces where SentencePiece does.

    Scheme ``always`` is that of transformers' older (legacy) tokenizers, ``first`` the later one.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = [chr(code) for code in range(33, 127)]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *letters]
    vocabulary = {piece: at for at, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def chat(name: str, scheme: str = "first") -> ChatFormat:
    return ChatFormat(sentencepiece_like(scheme), (), frozenset({2}), name)


def tokens(name: str, scheme: str) -> list[str]:
    """Return the tokens of a conversation's prompt."""
    ids = chat(name, scheme).encode(TURNS)
    pieces: list[str] = sentencepiece_like(scheme).convert_ids_to_tokens(ids)
    return pieces


def test_every_family_has_its_prompts_here() -> None:
    assert tuple(PROMPTS) == FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_prompts(name: str) -> None:
    without, with_system = PROMPTS[name]
    assert chat(name).render(TURNS, asks=True) == without
    assert chat(name).render([SYSTEM, *TURNS], asks=True) == with_system


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("scheme", ["always", "first"])
def test_tokens_begin_once_and_spell_the_prompt(name: str, scheme: str) -> None:
    pieces = tokens(name, scheme)
    assert pieces.count("<s>") == BEGINNINGS.get(name, 1)
    assert "<unk>" not in pieces
    # Spaces apart, of which SentencePiece writes more.
    written = "".join(pieces).replace("▁", "").replace("<0x0A>", "")
    assert written == "".join(PROMPTS[name][0].split())
    if BEGINNINGS.get(name, 1):
        # As makers' code has it, that leaves the first token to the tokenizer.
        assert pieces[:2] == ["<s>", "▁"]
        assert pieces[2] != "▁"


@pytest.mark.parametrize("scheme", ["always", "first"])
def test_mistrals_turns_are_encoded_as_its_own_tokenizer_does(scheme: str) -> None:
    turns = ["▁[INST]▁Hello!▁[/INST]", "▁Hi.", "▁[INST]▁How▁are▁you?▁[/INST]"]
    expected = ["<s>", *turns[0], *turns[1], "</s>", *turns[2]]
    assert tokens("mistral", scheme) == expected


def test_white_space_around_messages_goes_where_the_original_drops_it() -> None:
    spaced = [{"role": "user", "content": " Hello!\n"}]
    assert chat("llama-2").render(spaced, asks=True) == "<s>[INST] Hello! [/INST]"
    assert chat("llama-3").render(spaced, asks=False) == f"<s>{USER}Hello!<|eot_id|>"
    assert "user\nHello!<end_of_turn>" in chat("gemma").render(spaced, asks=True)
    assert "<|user|>\n Hello!\n</s>\n" in chat("zephyr").render(spaced, asks=True)
    system = [{"role": "system", "content": " Be brief.\n"}, *spaced]
    assert chat("llama-2").render(system, asks=True) == (
        "<s>[INST] <<SYS>>\n Be brief.\n\n<</SYS>>\n\n Hello! [/INST]"
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_a_prompt_continues_the_one_before(name: str) -> None:
    """So that the cache of a turn serves the next one."""
    first = chat(name).render(TURNS[:1], asks=True)
    assert chat(name).render(TURNS, asks=True).startswith(first)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lmsys/vicuna-7b-v1.3", "vicuna"),
        ("FasterDecoding/medusa-1.0-zephyr-7b-beta", "zephyr"),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "zephyr"),
        ("text-generation-inference/Mistral-7B-Instruct-v0.2-medusa", "mistral"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistral"),
        ("teknium/OpenHermes-2.5-Mistral-7B", "chatml"),
        ("meta-llama/Llama-2-7b-chat-hf", "llama-2"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "llama-3"),
        ("Qwen/Qwen2-0.5B", "chatml"),
        ("google/gemma-7b-it", "gemma"),
        ("microsoft/Phi-3-mini-4k-instruct", "phi-3"),
        ("openchat/openchat_3.5", "openchat"),
        ("somebody/something", None),
        ("/data/vicuna-run/checkpoint-1000", "vicuna"),
        ("/home/gemma/models/something", None),
    ],
)
def test_the_name_tells_the_family(name: str, expected: str | None) -> None:
    found = guess(["a-folder", name])
    assert (None if found is None else found.name) == expected


def test_the_first_telling_name_wins() -> None:
    found = guess(["heads", "lmsys/vicuna-7b", "zephyr"])
    assert found is family("vicuna")
    assert guess([]) is None


def test_a_family_by_its_name() -> None:
    assert family("plain") is PLAIN
    with pytest.raises(UsageError, match="'Vicuna' is not known: use vicuna"):
        family("Vicuna")
