"""What steps take, measured while the engine has nothing else to do, a step at a time.

Whole steps, by the decoder itself, behind what it has cached; afterwards all of that is as it was.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from medusa_chat.decoding.automatic_tree import AutomaticTree
from medusa_chat.decoding.decoder import Decoder, Request
from medusa_chat.decoding.interlude import interlude
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.timed_rounds import TimedRounds

_ROUNDS = 2
_REPLY_TOKENS = 64
"""So short that the cache need not grow for it; then another one begins."""


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
    rounds = TimedRounds([kind.shape(size) for size in missing], _ROUNDS, learns=tree.learns)
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
    kind.times_measured()
