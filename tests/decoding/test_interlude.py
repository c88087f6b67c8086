"""Something else decoded in between: replies go on as if nothing had been."""

from __future__ import annotations

import pytest
from golden_data import head_logits, read, tiny_llama, tiny_llama_heads

from medusa_chat.decoding.decoder import Decoder
from medusa_chat.decoding.interlude import interlude
from medusa_chat.decoding.mixed_drafting import depth_for
from medusa_chat.decoding.mixed_tree import MixedTree

from .driving import CPU, GREEDY, PLAIN, SHAPES, decoder_for, reply

PROMPT: list[int] = read("medusa/gen/tiny-llama.json")["items"][0]["prompt_ids"]


def test_the_next_reply_is_the_same() -> None:
    decoder = decoder_for(tiny_llama(), head_logits(tiny_llama_heads(), tiny_llama()))
    shape = SHAPES["dynamic-8"]
    reply(decoder, PROMPT, shape, sampling=GREEDY, tokens=20)
    behind, history = list(decoder.cached), decoder.history
    with interlude(decoder):
        reply(decoder, [*behind, 5, 6, 7], shape, sampling=GREEDY, tokens=20, reuse=True)
        assert len(decoder.cached) > len(behind) + 3
    assert decoder.cached == behind
    assert decoder.forward.length == len(behind)
    assert decoder.history is history
    after = reply(decoder, [*behind, 9], shape, sampling=GREEDY, tokens=20, reuse=True)
    assert after.reused_tokens == len(behind)
    fresh = decoder_for(tiny_llama(), head_logits(tiny_llama_heads(), tiny_llama()))
    expected = reply(fresh, [*behind, 9], shape, sampling=GREEDY, tokens=20)
    assert after.output.token_ids == expected.output.token_ids


def learnt(decoder: Decoder) -> list[object]:
    """Return all that drafts know of the text."""
    history = decoder.history
    history.settle()
    table, length = history.table, history.length
    rows = (table.ids[: length + 1], table.lifts[: length + 1], table.tokens[:length], table.latest)
    return [
        *(one.tolist() for one in rows),
        list(history.lookup.tokens),
        [history.lookup.match(root) for root in range(50)],
        history.acceptance.odds(),
    ]


@pytest.mark.parametrize("begun_plainly", [False, True])
@pytest.mark.parametrize("text", [[5, 6, 7], PROMPT])
def test_what_drafts_have_learnt_stays(text: list[int], begun_plainly: bool) -> None:
    decoder = decoder_for(tiny_llama(), head_logits(tiny_llama_heads(), tiny_llama()))
    mixed = MixedTree(8, depth_for(8, 4), 4, 512, CPU)
    reply(decoder, PROMPT, PLAIN if begun_plainly else mixed, sampling=GREEDY, tokens=30)
    behind, before = list(decoder.cached), learnt(decoder)
    for _ in range(2):
        with interlude(decoder):
            reply(decoder, [*behind, *text], mixed, sampling=GREEDY, tokens=60, reuse=True)
            assert learnt(decoder) != before
        assert learnt(decoder) == before
    assert decoder.cached == behind


def test_an_error_leaves_no_trace_either() -> None:
    decoder = decoder_for(tiny_llama(), head_logits(tiny_llama_heads(), tiny_llama()))

    def interrupted() -> None:
        with interlude(decoder):
            reply(decoder, PROMPT, SHAPES["dynamic-8"], sampling=GREEDY, tokens=5)
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert (decoder.cached, decoder.forward.length) == ([], 0)
