"""Do draws come from a distribution? A chi-square test, its seeds fixed by whoever draws."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def assert_drawn_from(probabilities: Tensor, counts: Tensor) -> None:
    """Fail when ``counts`` [n] are too far from ``probabilities`` [n].

    Too far is what right draws do once in 30,000 tests. Cells too rare for the approximation (fewer
    than five expected) are pooled into one; a cell that cannot be must not have been drawn.
    """
    assert not counts[probabilities == 0].any(), "drawn, but impossible"
    expected = probabilities.double() * counts.sum()
    rare = expected < 5
    cells = [*zip(counts[~rare].tolist(), expected[~rare].tolist(), strict=True)]
    if expected[rare].sum() >= 5:
        cells.append((int(counts[rare].sum()), float(expected[rare].sum())))
    assert len(cells) > 1, "too few draws to say anything"
    freedom = len(cells) - 1
    statistic = sum((seen - due) ** 2 / due for seen, due in cells)
    # Wilson and Hilferty: the cube root of chi-square is nearly normal.
    spread = 2 / (9 * freedom)
    deviations = ((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    assert deviations < 4, f"{deviations:.1f} standard deviations off: {counts.tolist()}"


def counted(draws: Tensor, cells: int) -> Tensor:
    """Return how often each of 0 .. ``cells`` - 1 is among ``draws``."""
    return torch.bincount(draws.flatten(), minlength=cells)
