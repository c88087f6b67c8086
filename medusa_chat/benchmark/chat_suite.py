"""Prompts answered by modes and peers: loads nothing, measures what is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from medusa_chat.benchmark.agreement import Agreement, compare
from medusa_chat.benchmark.bandwidth import copy_bandwidth
from medusa_chat.benchmark.cases import Case
from medusa_chat.benchmark.contestant import Contestant
from medusa_chat.benchmark.machine import Machine, describe
from medusa_chat.benchmark.modes import Mode, contestants_of
from medusa_chat.benchmark.peers import PeerContestant
from medusa_chat.benchmark.run import Measurement, measure
from medusa_chat.benchmark.settings import Peer
from medusa_chat.benchmark.shares import Shares, measure_shares
from medusa_chat.benchmark.stock_model import stock_model
from medusa_chat.benchmark.summary import Summary, categories, summarise
from medusa_chat.benchmark.traffic import step_bytes
from medusa_chat.engine.local import Engine
from medusa_chat.models.loader import LoadedModel
from medusa_chat.models.stages import Report
from medusa_chat.settings import DecodeSettings


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a contestant's step reads, and how near that comes to copying memory."""

    bytes_per_step: int
    bytes_per_second: float | None
    fraction: float | None
    """Of the measured copy bandwidth. Above 1 where a processor's caches hold the weights."""


@dataclass(frozen=True, slots=True)
class ChatResult:
    """All that one run of the suite has found."""

    name: str
    """The model's, for people."""
    machine: Machine
    model: LoadedModel
    decode: DecodeSettings
    repeats: int
    copy_bytes_per_second: float
    summaries: tuple[Summary, ...]
    by_category: dict[str, tuple[Summary, ...]]
    traffic: dict[str, Traffic]
    shares: tuple[Shares, ...] | None
    """None where a step is one CUDA graph: run part by part it would be another step."""
    agreements: tuple[Agreement, ...]
    measurement: Measurement
    trials: dict[str, dict[str, float]]
    """Of each peer, the tokens a second of the variants that were tried."""
    failures: dict[str, str]
    """Of variants of peers that could not be run, why."""
    peers: frozenset[str]

    @property
    def is_full_precision(self) -> bool:
        """Whether equal tokens are a must: in 32 bits nothing is rounded enough to differ."""
        return self.model.dtype == "float32" and self.model.settings.quantization == "none"

    @property
    def broken(self) -> tuple[Agreement, ...]:
        """Modes whose tokens had to be those of the reference, and are not."""
        if not self.is_full_precision:
            return ()
        return tuple(one for one in self.agreements if not one.is_peer and not one.holds)


def run_chat(
    engine: Engine,
    name: str,
    cases: Sequence[Case],
    modes: Sequence[Mode],
    peers: Sequence[Peer],
    decode: DecodeSettings,
    *,
    repeats: int,
    usual_threads: int,
    cancelled: Callable[[], bool],
    report: Report,
    compiles: bool = True,
) -> ChatResult:
    """Measure on the model that ``engine`` holds, called ``name``.

    ``usual_threads`` is how many threads torch had before the model chose its own; without
    ``compiles`` peers run as they are. Raises UsageError when a mode's tree does not fit the model.
    """
    # Once for all peers, and not before one runs: it may have to be loaded.
    stock = cache(partial(stock_model, engine.model))
    own = contestants_of(engine, modes)
    contestants: list[Contestant] = [
        *own,
        *(
            PeerContestant(
                engine,
                decode,
                stock,
                lookup=peer == "prompt-lookup",
                usual_threads=usual_threads,
                compiles=compiles,
            )
            for peer in peers
        ),
    ]
    device = engine.model.decoder.forward.device
    machine = describe(device)
    report("Measuring the memory's bandwidth", None)
    bandwidth = copy_bandwidth(device)
    report("Measuring trees", None)
    for _ in engine.measure():  # as a chat does before its first prompt comes
        if cancelled():
            break
    measurement = measure(cases, contestants, repeats=repeats, cancelled=cancelled, report=report)
    items = measurement.items
    shares = None
    if engine.model.decoder.whole_steps(decode.repetition_penalty) is None:
        report("Looking where the time goes", None)
        shares = tuple(measure_shares(engine.model.decoder, own, items, cancelled=cancelled))
    left = [one for one in contestants if one.name not in measurement.dropped]
    summaries = tuple(summarise(items, left))
    return ChatResult(
        name=name,
        machine=machine,
        model=engine.model,
        decode=decode,
        repeats=repeats,
        copy_bytes_per_second=bandwidth,
        summaries=summaries,
        by_category={name: tuple(summarise(items, left, name)) for name in categories(items)},
        traffic={
            one.name: _traffic(engine.model, contestant, one, bandwidth)
            for one, contestant in zip(summaries, left, strict=True)
        },
        shares=shares,
        agreements=tuple(compare(items, left, engine, decode)),
        measurement=measurement,
        trials={
            one.name: one.trials for one in left if isinstance(one, PeerContestant) and one.trials
        },
        failures={
            f"{one.name}, {variant}": why
            for one in left
            if isinstance(one, PeerContestant)
            for variant, why in one.failures.items()
        },
        peers=frozenset(one.name for one in left if one.is_peer),
    )


def _traffic(
    model: LoadedModel, contestant: Contestant, summary: Summary, bandwidth: float
) -> Traffic:
    read = step_bytes(model, summary.context_tokens, drafts=contestant.drafts)
    if summary.step_seconds is None:
        return Traffic(read, None, None)
    rate = read / summary.step_seconds
    return Traffic(read, rate, rate / bandwidth)
