"""Ctrl+C: noted first, obeyed at once the second time, and as before afterwards."""

from __future__ import annotations

import signal

import pytest

from medusa_chat.training.interruption import Interruption


def test_the_first_is_noted_and_the_second_breaks_off() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        requested = [interruption.requested]
        signal.raise_signal(signal.SIGINT)
        requested.append(interruption.requested)
        assert requested == [False, True]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
