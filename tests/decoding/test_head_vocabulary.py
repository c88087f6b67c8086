"""What heads of few tokens say, in their own columns and over the whole vocabulary."""

from __future__ import annotations

import torch

from medusa_chat.decoding.head_vocabulary import HeadVocabulary

KNOWN = [7, 2, 30, 11]


def test_columns_and_ids_belong_together() -> None:
    cut = HeadVocabulary(32, torch.tensor(KNOWN))
    assert cut.width == 4
    assert list(cut.host_ids) == KNOWN
    assert cut.ids(torch.tensor([[3, 0]])).tolist() == [[11, 7]]
    for token in range(32):
        column = cut.host_columns[token]
        assert column == (KNOWN.index(token) if token in KNOWN else -1)


def test_the_whole_has_no_chance_for_other_tokens() -> None:
    cut, logits = HeadVocabulary(32, torch.tensor(KNOWN)), torch.randn(3, 4)
    whole = cut.whole(logits)
    assert torch.equal(whole[:, KNOWN], logits)
    assert int((whole > -torch.inf).sum()) == logits.numel()
    assert torch.equal(cut.part(whole), logits)


def test_of_all_tokens_nothing_is_changed() -> None:
    everything, logits = HeadVocabulary(32), torch.randn(3, 32)
    assert everything.width == 32
    assert everything.whole(logits) is everything.part(logits) is logits
    assert everything.host_columns[9] == everything.host_ids[9] == 9
