"""What is written down of a reply beside its text: how it is made, and how it ended."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from medusa_chat.conversation.conversation import Outcome, Recipe
from medusa_chat.conversation.versions import program_versions

if TYPE_CHECKING:
    from medusa_chat.decoding.stats import Figures
    from medusa_chat.engine.protocol import Loaded, Started
    from medusa_chat.settings import DecodeSettings


def recipe_of(settings: DecodeSettings, started: Started, loaded: Loaded) -> Recipe:
    """Return how the engine makes a reply that has started."""
    return Recipe(
        model=loaded.model,
        base_model=loaded.base_model,
        dtype=loaded.dtype,
        device=loaded.device,
        quantization=loaded.quantization,
        mode=started.mode,
        tree=started.tree,
        acceptance=settings.acceptance,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        seed=started.seed,
        max_new_tokens=settings.max_new_tokens,
        system=settings.system,
        versions=program_versions(),
        draft=settings.draft,
        repetition_penalty=settings.repetition_penalty,
        posterior_threshold=settings.posterior_threshold,
        posterior_alpha=settings.posterior_alpha,
        stop=settings.stop,
        ignore_eos=settings.ignore_eos,
        raw=settings.raw,
    )


def outcome_of(stop_reason: str, figures: Figures) -> Outcome:
    """Return how a reply ended, with all that was measured."""
    measured = {
        **dataclasses.asdict(figures),
        "accepted_per_step": figures.accepted_per_step,
        "tokens_per_second": figures.tokens_per_second,
    }
    return Outcome(stop_reason, measured, figures.line())
