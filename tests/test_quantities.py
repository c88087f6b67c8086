from __future__ import annotations

import pytest

from medusa_chat import quantities


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1.00 kB"),
        (1234, "1.23 kB"),
        (14_483_498_240, "14.5 GB"),
        (99_960_000, "100 MB"),
        (999_600_000, "1.00 GB"),
        (2e15, "2000 TB"),
    ],
)
def test_size(count: float, words: str) -> None:
    assert quantities.size(count) == words


def test_rate() -> None:
    assert quantities.rate(34_100_000) == "34.1 MB/s"
    assert quantities.rate(None) == "—"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.6, "1 min 00 s"),
        (250, "4 min 10 s"),
        (3900, "1 h 05 min"),
        (48 * 3600, "2 days"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert quantities.duration(seconds) == words


def test_percent_says_all_only_of_all() -> None:
    assert quantities.percent(999, 1000) == "99%"
    assert quantities.percent(1000, 1000) == "100%"
    assert quantities.percent(0, 0) == "100%"
