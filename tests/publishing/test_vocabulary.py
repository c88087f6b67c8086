"""Heads that know the commonest tokens alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from golden_data import TINY_LLAMA, tiny_llama_tokenizer
from tiny_models import VOCABULARY, random_heads, save_heads

from medusa_chat.decoding.head_vocabulary import spread
from medusa_chat.errors import UsageError
from medusa_chat.models.checkpoint import read_heads
from medusa_chat.models.layout import read_config
from medusa_chat.publishing import conversion
from medusa_chat.publishing.settings import ConvertSettings
from medusa_chat.publishing.vocabulary import common_tokens
from medusa_chat.training.records import Problems

ALL = frozenset(range(VOCABULARY))
END = frozenset({2})


def save_chats(file: Path, *answers: str) -> Path:
    """Save a chat an answer, with an earlier answer that does not count."""
    lines = [
        {
            "messages": [
                {"role": "user", "content": "zzz"},
                {"role": "assistant", "content": "qqq"},
                {"role": "user", "content": "www"},
                {"role": "assistant", "content": answer},
            ]
        }
        for answer in answers
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return file


def ids(text: str) -> list[int]:
    found: list[int] = tiny_llama_tokenizer()(text, add_special_tokens=False)["input_ids"]
    return found


def test_the_commonest_of_the_last_answers(tmp_path: Path) -> None:
    chats = save_chats(tmp_path / "chats.jsonl", "a b", "a b", "a")
    tokenizer = tiny_llama_tokenizer()
    (first,) = set(ids("a")) - set(ids(" b"))
    assert common_tokens(chats, tokenizer, END, 2, ALL, Problems()) == sorted({2, first})
    everything = common_tokens(chats, tokenizer, END, 100, ALL, Problems())
    assert everything == sorted({2, *ids("a b")})
    assert set(ids("qqq")) & set(everything) <= set(ids("a b"))


def test_only_tokens_that_the_heads_know(tmp_path: Path) -> None:
    chats = save_chats(tmp_path / "chats.jsonl", "a b c d")
    known = frozenset({2, *ids("a")})
    found = common_tokens(chats, tiny_llama_tokenizer(), END, 100, known, Problems())
    assert found == sorted(known)


def test_texts_count_whole(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text(json.dumps({"text": "a b"}) + "\n", "utf-8")
    found = common_tokens(file, tiny_llama_tokenizer(), END, 100, ALL, Problems())
    assert found == sorted({2, *ids("a b")})


@pytest.mark.parametrize(
    ("content", "words"), [(None, "does not exist"), ("{}\n", r"no answer .*jsonl:1: neither")]
)
def test_files_without_answers(content: str | None, words: str, tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    if content is not None:
        file.write_text(content, "utf-8")
    with pytest.raises(UsageError, match=words):
        common_tokens(file, tiny_llama_tokenizer(), END, 5, ALL, Problems())


def cut(heads: Path, chats: Path, count: int, output: Path) -> conversion.Conversion:
    settings = ConvertSettings(str(heads), "vllm", output, vocabulary=count, vocabulary_from=chats)
    return conversion.convert(settings, lambda _stage, _fraction: None)


@pytest.mark.parametrize("vocabulary", [VOCABULARY, None], ids=["own", "shared"])
def test_heads_guess_the_same_among_the_tokens_that_are_left(
    vocabulary: int | None, tmp_path: Path
) -> None:
    whole = random_heads(96, vocabulary)
    heads = save_heads(tmp_path / "heads", whole, base_model_name_or_path=str(TINY_LLAMA))
    chats = save_chats(tmp_path / "chats.jsonl", "a b c d e f g")
    cut(heads, chats, 5, tmp_path / "cut")
    config = read_config(tmp_path / "cut")
    assert (config["vocab_size"], config["truncated_vocab_size"]) == (VOCABULARY, 5)
    found = read_heads(tmp_path / "cut")
    assert found is not None
    assert found.token_map is not None
    assert 2 in found.token_map.tolist()
    from medusa_chat.publishing.base_files import output_matrix

    output = torch.nn.Linear(96, VOCABULARY, bias=False)
    output.weight.data = output_matrix(TINY_LLAMA)
    hidden = torch.randn(3, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        all_logits = whole(hidden, output)
        left = spread(found(hidden, None), found.token_map, VOCABULARY)
    kept = found.token_map
    assert torch.allclose(left[..., kept], all_logits[..., kept], atol=1e-5)
    assert int(torch.isfinite(left).sum()) == 2 * 3 * 5


def test_cut_heads_can_be_cut_further(tmp_path: Path) -> None:
    heads = save_heads(
        tmp_path / "heads", random_heads(96), base_model_name_or_path=str(TINY_LLAMA)
    )
    chats = save_chats(tmp_path / "chats.jsonl", "a b c d e f g")
    first = cut(heads, chats, 6, tmp_path / "first").heads
    second = cut(tmp_path / "first", chats, 3, tmp_path / "second").heads
    assert first.token_map is not None
    assert second.token_map is not None
    assert set(second.token_map.tolist()) < set(first.token_map.tolist())
    assert second.output_weight is not None
    whole = random_heads(96).output_weight
    assert whole is not None
    assert torch.equal(second.output_weight, whole[:, second.token_map])
    assert read_config(tmp_path / "second")["vocab_size"] == VOCABULARY


def test_cut_heads_are_written_anew_without_their_base(tmp_path: Path) -> None:
    heads = save_heads(
        tmp_path / "heads", random_heads(96), base_model_name_or_path=str(TINY_LLAMA)
    )
    chats = save_chats(tmp_path / "chats.jsonl", "a b c d e f g")
    cut(heads, chats, 5, tmp_path / "cut")
    settings = ConvertSettings(
        str(tmp_path / "cut"), "vllm", tmp_path / "new", base_model="nobody/has-this"
    )
    conversion.convert(settings, lambda _stage, _fraction: None)
    named = {"base_model_name_or_path": "nobody/has-this"}
    assert read_config(tmp_path / "new") == read_config(tmp_path / "cut") | named


def test_more_than_there_are(tmp_path: Path) -> None:
    heads = save_heads(
        tmp_path / "heads", random_heads(96), base_model_name_or_path=str(TINY_LLAMA)
    )
    chats = save_chats(tmp_path / "chats.jsonl", "a b")
    with pytest.raises(UsageError, match="--vocabulary 512 leaves nothing out"):
        cut(heads, chats, 512, tmp_path / "new")
    done = cut(heads, chats, 100, tmp_path / "new")
    assert done.notices == (
        f"Only {done.heads.vocabulary} different tokens are said: all are kept.",
    )


def test_bad_lines_are_told(tmp_path: Path) -> None:
    heads = save_heads(
        tmp_path / "heads", random_heads(96), base_model_name_or_path=str(TINY_LLAMA)
    )
    chats = save_chats(tmp_path / "chats.jsonl", "a b c d e f g", "a b")
    good = cut(heads, chats, 5, tmp_path / "good")
    assert good.notices == ()
    first, second = chats.read_text("utf-8").splitlines()
    chats.write_text(f"{first}\n{{oops}}\n{second}\n", "utf-8")
    done = cut(heads, chats, 5, tmp_path / "cut")
    line, total = done.notices
    assert line.startswith(f"{chats}:2: not JSON")
    assert total == "Bad lines skipped: 1."
    assert done.heads.token_map is not None
    assert good.heads.token_map is not None
    assert torch.equal(done.heads.token_map, good.heads.token_map)
