"""A reply that is measured: it begins with its prompt known and nothing else, as any other such.

So a reply with Medusa and one without it can be compared, whichever is decoded first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from medusa_chat.decoding.automatic_tree import AutomaticTree
from medusa_chat.decoding.suffix_lookup import ChainAcceptance
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage, Prefill
from medusa_chat.settings import DecodeSettings

_WARM_UP_TOKENS = 32
_WARM_UP_SECONDS = 1.0
"""Of decoding: a large model on a CPU would take longer for as many tokens."""


@contextmanager
def measured_run(
    engine: Engine,
    messages: Sequence[ChatMessage],
    settings: DecodeSettings,
    cancelled: Callable[[], bool],
) -> Iterator[Prefill]:
    """Let one reply be decoded that finds its prompt prefilled, and the model warm.

    All replies to the prompt find the same: what drafts learn from the prompt has been learnt, also
    when this one is plain, and what was counted over earlier replies is out of sight. Afterwards
    the counts are those of before. Raises what ``Engine.answer`` does.
    """
    drafting = replace(settings, medusa=True)
    # Made first: whenever a tree is made, what the others have learnt is kept.
    trees = [engine.choose_tree(one) for one in (drafting, settings)]
    automatic = [tree.shape for tree in trees if isinstance(tree.shape, AutomaticTree)]
    history = engine.model.decoder.history
    before = history.acceptance
    history.acceptance = ChainAcceptance()
    try:
        with ExitStack() as forgotten:
            for shape in automatic[:1]:
                forgotten.enter_context(shape.forgotten())
            prefill = _warm_up(engine, messages, drafting, cancelled)
            if not settings.medusa:
                _warm_up(engine, messages, settings, cancelled)
            for shape in automatic:
                shape.forget()
            history.acceptance = ChainAcceptance()
            yield prefill
    finally:
        history.acceptance = before


def _warm_up(
    engine: Engine,
    messages: Sequence[ChatMessage],
    settings: DecodeSettings,
    cancelled: Callable[[], bool],
) -> Prefill:
    """Decode the beginning of a reply to nobody, and return how its prompt was prefilled."""
    short = replace(settings, max_new_tokens=_WARM_UP_TOKENS, ignore_eos=True)
    decoding = engine.answer(messages, short).decoding
    ends_at: float | None = None

    def is_over() -> bool:
        return cancelled() or (ends_at is not None and time.perf_counter() > ends_at)

    for _ in decoding.run(is_over):
        # From the first token on: a long prompt is prefilled whole.
        ends_at = ends_at or time.perf_counter() + _WARM_UP_SECONDS
    figures = decoding.figures
    return Prefill(figures.prompt_tokens, figures.reused_tokens, figures.prefill_seconds)
