"""What steps take and what they bring, measured while the engine has nothing else to do.

A step at a time. Whole steps, by the decoder itself, behind what it has cached; afterwards all of
that is as it was.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import replace

from medusa_chat.decoding.adaptive_tree import AdaptiveTree, StepShape
from medusa_chat.decoding.automatic_tree import AutomaticTree, TreeKind
from medusa_chat.decoding.decoder import Decoder, Request
from medusa_chat.decoding.interlude import interlude
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.timed_rounds import TimedRounds

_ROUNDS = 3
_REPLY_TOKENS = 64
"""So short that the cache need not grow for it; then another one begins."""
_FEW_STEPS = 40
"""What is believed after fewer steps than these is measured."""
_MOST_SECONDS = 10.0
"""A slow machine has better things to do; it learns from replies."""


class _Largest(AdaptiveTree):
    """The largest tree of a kind each time: it tells what all smaller ones would have accepted."""

    def __init__(self, kind: TreeKind, *, learns: bool) -> None:
        self.size = kind.sizes[-1]
        self.depth = kind.depth
        self.learns = learns
        self._kind = kind

    def next_shape(self) -> StepShape:
        return self._kind.shape(self.size)

    def observe(self, shape: StepShape, accepted: Sequence[int], seconds: float) -> None:
        del seconds
        self._kind.believe(shape.size, accepted)


def measure_acceptance(
    decoder: Decoder, tree: AutomaticTree, prompts: Sequence[Sequence[int]], request: Request
) -> Generator[None, None, None]:
    """Measure what trees of ``tree`` bring, in replies to ``prompts`` to nobody.

    ``request`` says how they are drawn and end. Only where nothing is cached, since they begin with
    nothing, and where next to nothing is known. Yields after each step.
    """
    kind = tree.grown
    seen = kind.beliefs.known.get(kind.sizes[-1])
    if decoder.cached or (seen is not None and seen.steps >= _FEW_STEPS):
        return
    begun = time.monotonic()
    asked = replace(request, shape=_Largest(kind, learns=tree.learns))
    for prompt in prompts:
        if len(prompt) + kind.sizes[-1] > decoder.forward.context_tokens:
            continue
        with interlude(decoder):
            for _ in decoder.start(prompt, asked).run():
                yield
        if time.monotonic() - begun > _MOST_SECONDS:
            break
    kind.begin_anew()


def measure_times(
    decoder: Decoder, tree: AutomaticTree, prompt: Sequence[int], sampling: Sampling
) -> Generator[None, None, None]:
    """Measure sizes of ``tree`` that were never timed, in replies to ``prompt`` to nobody.

    Yields after each step; whoever closes it early keeps what was measured until then.
    """
    kind = tree.grown
    missing = kind.times.missing(kind.sizes)
    behind = [*decoder.cached, *prompt]
    if not missing or len(behind) + _REPLY_TOKENS > decoder.forward.context_tokens:
        return
    shapes = [kind.shape(size) for size in missing]
    rounds = TimedRounds(shapes, 1 + _ROUNDS, learns=tree.learns, uncounted_rounds=1)
    request = Request(rounds, sampling, Ending(max_new_tokens=_REPLY_TOKENS))
    try:
        with interlude(decoder):
            while rounds.steps_left:
                for _ in decoder.start(behind, request).run(lambda: not rounds.steps_left):
                    yield
    finally:
        for size, seconds in zip(missing, rounds.seconds, strict=True):
            for one in seconds:
                kind.times.add(size, one)
    kind.begin_anew()
