"""What a step teaches on the device is what the table learns on the host."""

from __future__ import annotations

import pytest
import torch

from medusa_chat.decoding.acceptance import Walk
from medusa_chat.decoding.bigram_table import BigramTable
from medusa_chat.decoding.device_learning import learn

CPU = torch.device("cpu")
VOCABULARY = 50


def rows_of(table: BigramTable) -> list[list[tuple[int, float]]]:
    """Return each known slot's first token and, in order of their ids, the others."""
    known = table.length + 1
    rows = []
    for ids, lifts in zip(table.ids[:known].tolist(), table.lifts[:known].tolist(), strict=True):
        pairs = [(token, round(lift, 4)) for token, lift in zip(ids, lifts, strict=True)]
        rows.append([pairs[0], *sorted(pairs[1:])])
    return rows


@pytest.mark.parametrize("vocabulary", [VOCABULARY, 8])
def test_steps_teach_what_they_teach_the_host(vocabulary: int) -> None:
    """Paths of any length, tokens that come twice, likely ones and others."""
    generator = torch.Generator().manual_seed(4)
    tables = [BigramTable(vocabulary, CPU) for _ in range(2)]
    prompt = torch.randint(vocabulary, (5,), generator=generator).tolist()
    logits = torch.randn(5, vocabulary, generator=generator) * 4
    root = 3
    for table in tables:
        table.add(prompt, logits)
        table.put_root(root)
    for count in (1, 3, 2, 5, 1, 1, 4, 5):
        logits = torch.randn(9, vocabulary, generator=generator) * 4
        nodes = sorted(torch.randperm(8, generator=generator)[: count - 1].add(1).tolist())
        path = [0, *nodes]
        follow = torch.randint(vocabulary, (5,), generator=generator).tolist()
        tokens = [root, *follow[: count - 1]]
        host, device = tables
        host.add(tokens, logits[path])
        host.put_root(follow[count - 1])
        walk = Walk(
            torch.tensor([*path, 0, 0, 0, 0][:5]), torch.tensor(follow), torch.tensor([count])
        )
        learn(device, torch.tensor([device.length]), torch.tensor([root]), walk, logits)
        root = follow[count - 1]
        device.took(count, root)
        assert device.length == host.length
        assert torch.equal(device.latest, host.latest)
        assert torch.equal(device.tokens[: host.length + 1], host.tokens[: host.length + 1])
        assert rows_of(device) == rows_of(host)
