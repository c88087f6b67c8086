from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
from golden_data import TINY_LLAMA, tiny_llama_tokenizer

from medusa_chat.errors import ModelError, UsageError
from medusa_chat.models.chat_format import ChatFormat
from medusa_chat.models.templates import FAMILIES

TURNS = [
    {"role": "user", "content": "Hello!"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "How are you?"},
]
SYSTEM = {"role": "system", "content": "Be brief."}
NO_SYSTEM = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}"
    "{{ raise_exception('no system messages here') }}{% endif %}"
    "[{{ m['role'] }}]{{ m['content'] }}{% endfor %}[assistant]"
)


@cache
def tokenizer_with(template: str | None, markers: tuple[str, ...] = ()) -> Any:
    """Return tiny-llama's tokenizer with another template, and ``markers`` in its vocabulary."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TINY_LLAMA)
    tokenizer.chat_template = template
    tokenizer.add_special_tokens({"additional_special_tokens": list(markers)})
    return tokenizer


def family(name: str) -> ChatFormat:
    return ChatFormat(tokenizer_with(None), (name,), frozenset({2}))


def text(chat_format: ChatFormat, messages: list[dict[str, str]], tokenizer: Any = None) -> str:
    """Return the prompt as text, its special tokens included."""
    tokenizer = tokenizer or tokenizer_with(None)
    decoded: str = tokenizer.decode(chat_format.encode(messages), skip_special_tokens=False)
    return decoded


def test_first_name_that_tells_the_family_wins() -> None:
    names = ("medusa-heads", "lmsys/vicuna-7b", "zephyr")
    chat = ChatFormat(tokenizer_with(None), names, frozenset())
    assert "USER: Hello!" in text(chat, TURNS[:1])


def test_unknown_family_is_spoken_to_plainly() -> None:
    chat = family("somebody/something")
    assert text(chat, [SYSTEM, *TURNS]) == (
        "<s>Be brief.\n\nUser: Hello!\nAssistant: Hi.\nUser: How are you?\nAssistant:"
    )
    assert chat.stop == ("\nUser:",)
    assert chat.notice is not None
    assert "no chat template" in chat.notice
    assert chat.source == "unknown"


def test_own_template_comes_before_the_family() -> None:
    chat = ChatFormat(tiny_llama_tokenizer(), ("vicuna",), frozenset({2}))
    assert text(chat, [SYSTEM, *TURNS[:1]]) == "<s>Be brief. USER: Hello! ASSISTANT:"
    assert chat.stop == ()
    assert chat.notice is None
    assert chat.source == "own"


def test_a_family_that_the_user_names_comes_before_all_else() -> None:
    chat = ChatFormat(tiny_llama_tokenizer(), ("vicuna",), frozenset({2}), "zephyr")
    assert text(chat, TURNS[:1]) == "<s><|user|>\nHello!</s>\n<|assistant|>\n"
    assert chat.source == "zephyr"
    plain = ChatFormat(tiny_llama_tokenizer(), ("vicuna",), frozenset({2}), "plain")
    assert text(plain, TURNS[:1]) == "<s>User: Hello!\nAssistant:"
    assert (plain.source, plain.stop, plain.notice) == ("plain", ("\nUser:",), None)


def test_a_family_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match="'vicunna' is not known: use vicuna, zephyr, "):
        ChatFormat(tiny_llama_tokenizer(), (), frozenset(), "vicunna")


def test_markers_that_the_vocabulary_lacks_end_a_reply_as_text() -> None:
    chat = ChatFormat(tokenizer_with(None), (), frozenset({2}), "chatml")
    assert chat.turn_ids == {2}
    assert chat.stop == ("<|im_end|>",)
    tokenizer = tokenizer_with(None, ("<|im_start|>", "<|im_end|>"))
    chat = ChatFormat(tokenizer, (), frozenset({2}), "chatml")
    assert chat.turn_ids == {2, tokenizer.convert_tokens_to_ids("<|im_end|>")}
    assert chat.stop == ()


def test_a_tokenizer_without_special_tokens_can_be_spoken_to() -> None:
    tokenizer = tokenizer_with(None)
    bare = copy.deepcopy(tokenizer)
    bare.bos_token = bare.eos_token = None
    for name in FAMILIES:
        assert ChatFormat(bare, (), frozenset(), name).encode(TURNS)


THOUGHTFUL = [
    {"role": "user", "content": "One <think>or</think> two?"},
    {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nTwo."},
    {"role": "user", "content": "Sure?"},
]


def test_earlier_thinking_is_not_sent_back() -> None:
    chat = family("vicuna")
    assert text(chat, THOUGHTFUL).endswith(
        "USER: One <think>or</think> two? ASSISTANT: Two.</s>USER: Sure? ASSISTANT:"
    )
    # That of the last answer is what it is trained to write.
    whole = chat.render(THOUGHTFUL[:2], asks=False)
    assert whole.endswith("ASSISTANT: <think>\nHm.\n</think>\n\nTwo.</s>")


def test_a_template_of_a_reasoning_model_drops_thinking_itself() -> None:
    own = "{% for m in messages %}{{ m['content'].split('</think>')[-1] + '|' }}{% endfor %}<think>"
    chat = ChatFormat(tokenizer_with(own), (), frozenset())
    assert chat.render(THOUGHTFUL[1:], asks=True) == "\n\nTwo.|Sure?|<think>"
    assert chat.reply_opening == "<think>"
    assert family("vicuna").reply_opening == ""
    refusing = ChatFormat(tokenizer_with("{{ raise_exception('no') }}"), (), frozenset())
    assert refusing.reply_opening == ""


def test_system_message_joins_the_first_turn_where_none_is_known() -> None:
    tokenizer = tokenizer_with(NO_SYSTEM)
    chat = ChatFormat(tokenizer, (), frozenset())
    assert text(chat, [SYSTEM, *TURNS], tokenizer) == (
        "<s>[user]Be brief.\n\nHello![assistant]Hi.[user]How are you?[assistant]"
    )


@pytest.mark.parametrize(
    "template",
    ["{{ raise_exception('turns must alternate') }}", "{{ 1 / 0 }}", "{% for", "{{ nothing.x }}"],
)
def test_template_that_refuses(template: str) -> None:
    chat = ChatFormat(tokenizer_with(template), (), frozenset())
    with pytest.raises(ModelError, match="chat template refuses"):
        chat.encode([SYSTEM, *TURNS])


def test_turns_end_at_the_markers_that_the_template_writes() -> None:
    markers = ("<|im_end|>", "<|eot_id|>")
    tokenizer = tokenizer_with("{{ messages[0]['content'] + '<|im_end|>' }}", markers)
    chat = ChatFormat(tokenizer, (), frozenset({2}))
    assert chat.eos_ids == {2}
    assert chat.turn_ids == {2, tokenizer.convert_tokens_to_ids("<|im_end|>")}


def test_raw_text_keeps_the_tokenizers_own_special_tokens() -> None:
    chat = family("vicuna")
    for prompt in ("def f(", " two  spaces \n\n", "</s>"):
        ids = chat.encode_raw(prompt)
        assert ids == tokenizer_with(None)(prompt)["input_ids"]
        assert ids[0] == 1


def test_decoding_keeps_spaces_and_drops_special_tokens() -> None:
    chat = family("vicuna")
    written = "  x = [1 , 2] .  \n"
    ids = [1, *tokenizer_with(None)(written, add_special_tokens=False)["input_ids"], 2]
    assert chat.decode(ids) == written


def test_a_tokenizer_that_decodes_in_its_own_way_is_left_to_it() -> None:
    from transformers import PreTrainedTokenizerFast

    class Loud(PreTrainedTokenizerFast):  # type: ignore[misc]  # transformers ships no types
        def _decode(self, *arguments: Any, **options: Any) -> str:
            text: str = super()._decode(*arguments, **options)
            return text.upper()

    usual = tokenizer_with(None)
    ids = usual("the sea", add_special_tokens=False)["input_ids"]
    loud = Loud(tokenizer_object=usual.backend_tokenizer)
    assert family("vicuna").decode(ids) == "the sea"
    assert ChatFormat(loud, ("vicuna",), frozenset({2})).decode(ids) == "THE SEA"


def test_empty_raw_text() -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    bare = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"a": 0}, unk_token="a")))
    with pytest.raises(UsageError, match="empty"):
        ChatFormat(bare, (), frozenset()).encode_raw("")


@pytest.mark.parametrize("name", FAMILIES)
def test_an_answer_that_is_begun_is_written_as_the_template_writes_it(name: str) -> None:
    chat = ChatFormat(tokenizer_with(None), (), frozenset({2}), name)
    begun = {"role": "assistant", "content": "Once upon a"}
    prompt = text(chat, [*TURNS, begun])
    whole = text(chat, [*TURNS, begun, TURNS[0]])
    assert prompt.endswith("Once upon a")
    assert whole.startswith(prompt)
    assert prompt.startswith(text(chat, TURNS))


def test_the_space_before_an_answer_is_not_written_twice() -> None:
    chat = family("vicuna")
    begun = {"role": "assistant", "content": " Once"}
    assert text(chat, [*TURNS[:1], begun]).endswith("ASSISTANT: Once")


def test_a_begun_answer_keeps_the_space_at_its_end() -> None:
    begun = {"role": "assistant", "content": "Once upon\n\n"}
    for name in ("llama-3", "vicuna"):
        assert text(family(name), [*TURNS[:1], begun]).endswith("Once upon\n\n")


def test_the_thinking_that_a_template_opens_is_not_opened_twice() -> None:
    template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant><think>\n{% endif %}"
    )
    chat = ChatFormat(tokenizer_with(template), (), frozenset({2}))
    begun = {"role": "assistant", "content": "<think>\nWell, "}
    assert text(chat, [*TURNS[:1], begun]) == "<user>Hello!<assistant><think>\nWell, "


def test_a_token_is_shown_with_its_space_and_a_special_one_by_its_name() -> None:
    tokenizer = tiny_llama_tokenizer()
    chat = ChatFormat(tokenizer, (), frozenset({2}))
    ids = tokenizer("return False", add_special_tokens=False)["input_ids"]
    texts = [chat.token_text(token) for token in ids]
    assert "".join(texts).strip() == "return False"
    assert any(text.startswith(" ") for text in texts[1:])
    assert chat.token_text(2) == "</s>"
    parts = tokenizer("漢", add_special_tokens=False)["input_ids"]
    assert all(chat.token_text(part) == "\N{REPLACEMENT CHARACTER}" for part in parts[-3:])
