"""Are the tokens the same? In 32 bits they must be; elsewhere it is told how many are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from medusa_chat.benchmark.contestant import Contestant, Messages, Sample
from medusa_chat.benchmark.run import Item
from medusa_chat.decoding.gumbel import GumbelNoise
from medusa_chat.engine.local import Engine
from medusa_chat.settings import DecodeSettings

_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a reply first differs from the reference's."""

    item: str
    position: int
    """Tokens of the reply that are still the same."""
    tokens: tuple[int | None, int | None]
    """The reference's token there and the other one; None where a reply has ended."""
    gap: float | None = None
    """How far apart the model itself has the two: in logits, with the draw's noise if there is
    any. Near 0 they are rounded; None where one of them is missing."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of a contestant's replies are the reference's."""

    name: str
    reference: str
    is_peer: bool
    replies: int
    identical: int
    first: Difference | None = None

    @property
    def holds(self) -> bool:
        """Whether all of them are."""
        return self.identical == self.replies


def compare(
    items: Sequence[Item], contestants: Sequence[Contestant], engine: Engine, decode: DecodeSettings
) -> list[Agreement]:
    """Compare the replies of all exact contestants with the first of them, every run of them."""
    exact = [one for one in contestants if one.is_exact]
    if not exact:
        return []
    reference = next((one for one in exact if not one.is_peer), exact[0])
    agreements = []
    for one in exact:
        identical, first = 0, None
        answered = [item for item in items if {one.name, reference.name} <= item.samples.keys()]
        for item in answered:
            expected = item.samples[reference.name][0]
            difference = next(
                (
                    found
                    for sample in item.samples[one.name]
                    if (found := first_difference(item.id, expected, sample)) is not None
                ),
                None,
            )
            if difference is None:
                identical += 1
            elif first is None:
                first = _with_gap(difference, item.messages, expected, engine, decode)
        agreements.append(
            Agreement(one.name, reference.name, one.is_peer, len(answered), identical, first)
        )
    return agreements


def first_difference(item: str, expected: Sample, sample: Sample) -> Difference | None:
    """Return where ``sample`` leaves ``expected``; None where they are the same.

    A stop text ends a reply of ours alone, so what a peer writes behind it is not looked at.
    """
    ours, theirs = expected.tokens, sample.tokens
    for position, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if one != other:
            return Difference(item, position, (one, other))
    shorter = min(len(ours), len(theirs))
    if len(ours) == len(theirs) or (expected.stop_reason == "stop" and len(theirs) > len(ours)):
        return None
    return Difference(
        item,
        shorter,
        (
            ours[shorter] if shorter < len(ours) else None,
            theirs[shorter] if shorter < len(theirs) else None,
        ),
    )


def _with_gap(
    difference: Difference,
    messages: Messages,
    expected: Sample,
    engine: Engine,
    decode: DecodeSettings,
) -> Difference:
    """Ask the model, over plain text, how far it has the two tokens apart."""
    one, other = difference.tokens
    if one is None or other is None or decode.repetition_penalty != 1:
        return difference
    engine.forget()
    forward = engine.model.decoder.forward
    text = engine.encode(messages, decode) + list(expected.tokens[: difference.position])
    for start in range(0, len(text), _CHUNK):
        chunk = torch.tensor(text[start : start + _CHUNK], device=forward.device)
        logits = forward.extend(chunk).logits
    engine.forget()
    scores = logits[0]
    if decode.temperature > 0:
        position = torch.tensor([len(text)], device=forward.device)
        noise = GumbelNoise(decode.seed or 0, forward.vocabulary, forward.device).rows(position)
        scores = scores / decode.temperature + noise[0]
    gap = abs(float(scores[one] - scores[other]))
    return Difference(difference.item, difference.position, difference.tokens, gap)
