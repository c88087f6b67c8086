"""The measurement: every prompt by everybody in turn, each time from the same state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from medusa_chat.benchmark.cases import Case
from medusa_chat.benchmark.contestant import Contestant, Sample
from medusa_chat.benchmark.peers import PeerError
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import MedusaChatError


@dataclass(frozen=True, slots=True)
class Item:
    """One turn of a conversation that everybody has answered, ``samples`` by contestant."""

    id: str
    category: str
    messages: tuple[ChatMessage, ...]
    samples: dict[str, list[Sample]]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A prompt that was not answered, and why."""

    id: str
    reason: str


@dataclass(slots=True)
class Measurement:
    """What was measured; items that somebody has not answered are not in it."""

    items: list[Item] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)
    """Contestants that failed, and why."""
    interrupted: bool = False


def rotated(contestants: Sequence[Contestant], by: int) -> list[Contestant]:
    """Return them in an order of which each begins as often as the others."""
    shift = by % len(contestants) if contestants else 0
    return [*contestants[shift:], *contestants[:shift]]


def measure(
    cases: Sequence[Case],
    contestants: Sequence[Contestant],
    *,
    repeats: int,
    cancelled: Callable[[], bool] = lambda: False,
    report: Callable[[str, float | None], None] = lambda _words, _fraction: None,
) -> Measurement:
    """Answer all turns of ``cases`` by all ``contestants``, after one run for warming up.

    The answers that a conversation goes on with are the first contestant's, so that all get the
    same prompts. A prompt that cannot be answered is reported, with the turns behind it.
    """
    measurement = Measurement()
    active = list(contestants)
    turn_number = 0
    is_warm = False
    for number, case in enumerate(cases):
        messages = case.opening
        for turn_index, turn in enumerate(case.turns):
            messages = (*messages, turn)
            item_id = case.id if len(case.turns) == 1 else f"{case.id}/{turn_index + 1}"
            report(f"Answering {item_id}", number / len(cases))
            runs = repeats
            try:
                if not is_warm:
                    report("Warming up", None)
                    _answer(active, messages, 0, cancelled, measurement)
                    is_warm = True
                item = Item(item_id, case.category, messages, {one.name: [] for one in active})
                for repeat in range(runs):
                    samples = _answer(
                        active, messages, turn_number + repeat, cancelled, measurement
                    )
                    for name, sample in samples.items():
                        item.samples[name].append(sample)
            except _Cancelled:
                measurement.interrupted = True
                return measurement
            except MedusaChatError as error:
                rest = len(case.turns) - turn_index - 1
                behind = f" (and {rest} behind it)" if rest else ""
                measurement.skipped.append(Skipped(item_id, f"{error}{behind}"))
                break
            for name in measurement.dropped:
                item.samples.pop(name, None)
            measurement.items.append(item)
            turn_number += 1
            if not active:
                return measurement
            messages = (*messages, ChatMessage("assistant", item.samples[active[0].name][0].text))
    return measurement


class _Cancelled(Exception):  # noqa: N818  # no error: the user has asked for it
    """Ctrl+C came while somebody answered."""


def _answer(
    active: list[Contestant],
    messages: Sequence[ChatMessage],
    shift: int,
    cancelled: Callable[[], bool],
    measurement: Measurement,
) -> dict[str, Sample]:
    """Return everybody's answer once; a peer that fails is taken out of ``active``."""
    samples: dict[str, Sample] = {}
    for contestant in rotated(active, shift):
        if cancelled():
            raise _Cancelled
        try:
            sample = contestant.answer(messages, cancelled)
        except PeerError as error:
            active.remove(contestant)
            measurement.dropped[contestant.name] = str(error)
            for item in measurement.items:
                item.samples.pop(contestant.name, None)
            continue
        if sample.stop_reason == "cancelled":
            raise _Cancelled
        samples[contestant.name] = sample
    return samples
