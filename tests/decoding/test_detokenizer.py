"""Text as it comes: whole characters only, and the pieces make up the whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from golden_data import tiny_llama_tokenizer
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from medusa_chat.decoding.detokenizer import Detokenizer, StopStrings

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
Decode = Callable[[list[int]], str]

FAMILIES = st.sampled_from(
    ["👩‍👩‍👧‍👦", "🏳️‍🌈", "नमस्ते", "日本語", "é", "e\u0301", " ", "  ", "\n", REPLACEMENT]
)
TEXTS = st.lists(st.one_of(FAMILIES, st.text(max_size=8))).map("".join)


@cache
def byte_level() -> Tokenizer:
    """Return a tokenizer of bytes with a few merges, as GPT-2, Llama 3 and Qwen have them."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("ð", "Ł"), ("Ã", "©"), ("ã", "ģ")]
    vocabulary = {token: number for number, token in enumerate(alphabet)}
    for pair in merges:
        vocabulary["".join(pair)] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


@cache
def byte_fallback() -> Tokenizer:
    """Return a tokenizer of words that spells what it does not know in bytes, as Llama 2 does.

    Its decoder strips the space in front of a text.
    """
    words = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdehlorstw", "é", "日"]
    merges = [("▁", "t"), ("h", "e"), ("▁t", "he")]
    vocabulary = {word: number for number, word in enumerate([*words, *map("".join, merges)])}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(content=" ", left=1, right=0),
        ]
    )
    return tokenizer


def pieces(decode: Decode, ids: list[int]) -> list[str]:
    detokenizer = Detokenizer(decode)
    return [*(detokenizer.push(token) for token in ids), detokenizer.finish()]


def foreseen(decode: Decode, ids: list[int], known: dict[int, str], burst: int) -> list[str]:
    """Push ``ids`` in bursts, all but the last token of each of which came to pass."""
    detokenizer, come = Detokenizer(decode, pieces=known), []
    for first in range(0, len(ids), burst):
        detokenizer.foresee([*ids[first : first + burst], 0])
        come += [detokenizer.push(token) for token in ids[first : first + burst]]
    return [*come, detokenizer.finish()]


def assert_streams(decode: Decode, ids: list[int]) -> None:
    whole, known = decode(ids), dict[int, str]()
    for come in (
        pieces(decode, ids),
        *(foreseen(decode, ids, known, burst) for burst in (1, 4, 4, 3, 7)),
    ):
        assert "".join(come) == whole
        if REPLACEMENT not in whole:
            assert not any(REPLACEMENT in piece for piece in come)


@given(TEXTS)
def test_pieces_of_byte_level_text_make_up_the_whole(text: str) -> None:
    ids = byte_level().encode(text).ids
    assert byte_level().decode(ids) == text
    assert_streams(byte_level().decode, ids)


# Here a run of bytes is one U+FFFD a byte until all of it makes characters: one that is meant
# cannot be told from the beginning of another character.
@given(TEXTS.filter(lambda text: REPLACEMENT not in text))
def test_pieces_of_byte_fallback_text_make_up_the_whole(text: str) -> None:
    ids = byte_fallback().encode(text).ids
    assert byte_fallback().decode(ids) == text
    assert_streams(byte_fallback().decode, ids)


@given(TEXTS)
def test_pieces_of_a_published_kind_of_tokenizer_make_up_the_whole(text: str) -> None:
    tokenizer = tiny_llama_tokenizer()

    def decode(ids: list[int]) -> str:
        decoded: str = tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return decoded

    assert_streams(decode, tokenizer(text)["input_ids"])


def in_bytes(ids: list[int]) -> str:
    """Decode ids that are bytes; 256 and above are special tokens, without a text."""
    return bytes(number for number in ids if number < 256).decode(errors="replace")


def test_a_character_is_shown_when_its_last_byte_comes() -> None:
    come = pieces(in_bytes, [*"aé日🙂b".encode()])
    assert come == ["a", "", "é", "", "", "日", "", "", "", "🙂", "b", ""]


def test_an_unfinished_character_is_shown_as_what_it_is_at_the_end() -> None:
    assert pieces(in_bytes, [*"a🙂".encode()[:3]]) == ["a", "", "", REPLACEMENT]


def test_bytes_that_make_no_character_are_not_waited_for_for_ever() -> None:
    come = pieces(in_bytes, [0x80] * 30)
    assert max(next(n for n, piece in enumerate(come) if piece), 0) < 10
    assert "".join(come) == REPLACEMENT * 30


def test_a_replacement_character_of_the_model_is_shown() -> None:
    text = f"a{REPLACEMENT}b{REPLACEMENT}"
    assert "".join(pieces(in_bytes, [*text.encode()])) == text


@pytest.mark.parametrize("before", [[0x80] * 7, [256] * 8], ids=["no character", "no text"])
def test_a_character_after_many_tokens_without_one_is_shown(before: list[int]) -> None:
    ids = [*before, *"€".encode()]
    assert "".join(pieces(in_bytes, ids)) == in_bytes(ids)


@example([0x80] * 7 + [*"€".encode()])
@given(st.lists(st.sampled_from([0x41, 0x80, 0xE2, 0x82, 0xAC, 0xF0, 0x9F, 0x99]), max_size=30))
def test_pieces_of_any_bytes_make_up_the_whole(ids: list[int]) -> None:
    assert "".join(pieces(in_bytes, ids)) == in_bytes(ids)


def test_what_is_foreseen_is_decoded_once() -> None:
    asked: list[list[int]] = []

    def decode(ids: list[int]) -> str:
        asked.append(ids)
        return in_bytes(ids)

    known: dict[int, str] = {}
    assert "".join(foreseen(decode, [*b"abcabc"], known, 1)) == "abcabc"
    assert known == {97: "a", 98: "b", 99: "c"}
    known[0], before = "\0", len(asked)
    assert "".join(foreseen(decode, [*b"cabcab"], known, 3)) == "cabcab"
    assert len(asked) - before == 4  # the context, two bursts, and the end


def test_a_stretch_that_begins_anew_costs_one_decoding() -> None:
    asked: list[list[int]] = []

    def decode(ids: list[int]) -> str:
        asked.append(ids)
        return in_bytes(ids)

    ids = [*b"abc" * 20]
    assert "".join(foreseen(decode, ids, {97: "a", 98: "b", 99: "c", 0: "\0"}, 3)) == "abc" * 20
    # The context, 20 bursts, the end, and each fourth burst or so the token before it.
    assert len(asked) <= 2 + 20 + 5
    assert max(map(len, asked)) <= 17


def test_a_stretch_never_begins_within_a_character() -> None:
    known = {token: chr(token) for token in b"abcdefghijklmno"} | {0: "\0"}
    ids = [*"abcdefghijklm€nonon".encode()]
    assert "".join(foreseen(in_bytes, ids, known, 2)) == in_bytes(ids)


def test_a_piece_that_is_wrong_here_is_given_up() -> None:
    known = {97: "a", 98: "bee", 0: "\0"}
    assert "".join(foreseen(in_bytes, [*b"abab"], known, 2)) == "abab"
    assert known[98] == "b"


def test_the_first_token_keeps_its_space_behind_a_context() -> None:
    """A tokenizer that strips the space before a text would join a continuation to the prompt."""
    tokenizer = byte_fallback()
    prompt, word = tokenizer.encode("the").ids, tokenizer.encode("the").ids
    assert Detokenizer(tokenizer.decode).push(word[0]) == "the"
    assert Detokenizer(tokenizer.decode, context=prompt).push(word[0]) == " the"


CHUNKS = st.lists(st.text("ab\n", max_size=4), max_size=12)
STOPS = st.lists(st.text("ab\n", min_size=1, max_size=5), max_size=3)


@given(CHUNKS, STOPS)
def test_nothing_of_a_stop_string_is_ever_shown(chunks: list[str], stops: list[str]) -> None:
    stop_strings = StopStrings(stops)
    text = shown = ""
    for chunk in chunks:
        text += chunk
        found = [text.index(stop) for stop in stops if stop in text]
        more, stopped = stop_strings.push(chunk)
        shown += more
        assert stopped == bool(found)
        if stopped:
            assert shown == text[: min(found)]
            return
        # What is held back, and no more, may be the beginning of a stop string.
        held = text[len(shown) :]
        assert text == shown + held
        beginnings = {stop[:length] for stop in stops for length in range(len(stop))}
        longest = max((begin for begin in beginnings if text.endswith(begin)), key=len, default="")
        assert held == longest
    assert shown + stop_strings.finish() == text


def test_without_stop_strings_nothing_is_held_back() -> None:
    stop_strings = StopStrings(())
    assert stop_strings.push("abc") == ("abc", False)
    assert stop_strings.finish() == ""
