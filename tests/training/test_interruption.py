"""Ctrl+C and SIGTERM: noted first, obeyed at once the second time, and as before afterwards."""

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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_what_it_always_does(number: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption() as interruption:
        signal.raise_signal(number)
        assert interruption.requested
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) == before
