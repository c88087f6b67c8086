"""The figures of one reply: the only place that defines them. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Literal

StopReason = Literal["eos", "stop", "length", "context", "cancelled"]
Mode = Literal["medusa", "plain"]

AUTO = "auto"
"""The tree whose size is another at each step."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted and timed while one reply was decoded; all of it measured.

    A burst is what one step emits: its root, then the drafts that it accepted. ``steps`` counts
    bursts, so that plain decoding has exactly one token a step.
    """

    prompt_tokens: int = 0
    """Tokens of the templated prompt."""
    reused_tokens: int = 0
    """How many of them were in the cache already, from an earlier turn."""
    tokens: int = 0
    """Tokens emitted, an EOS included."""
    steps: int = 0
    passes: int = 0
    """Forward passes after prefill; the last burst may have taken none."""
    nodes: int = 0
    """That all of these passes checked, the roots included."""
    lone_roots: int = 0
    """How many of these passes checked the root alone: nothing was guessed."""
    prefill_seconds: float = 0.0
    """From the start of prefill to the first token known."""
    decode_seconds: float = 0.0
    """From the end of prefill to the last token."""
    first_token_seconds: float | None = None
    """From the request's arrival at the engine to the first token; None before it."""
    accepted_counts: tuple[int, ...] = ()
    """``accepted_counts[n]``: how many bursts had n + 1 tokens."""
    memory_bytes: int | None = None
    """What the engine had in use when the reply ended; None where nobody asked the system."""

    @property
    def accepted_per_step(self) -> float | None:
        """Tokens emitted a step, the root included: 1.0 is plain decoding. None before a step."""
        return self.tokens / self.steps if self.steps else None

    @property
    def nodes_per_step(self) -> float | None:
        """The mean size of a step's tree, the root included: 1.0 is plain. None before a step."""
        return self.nodes / self.passes if self.passes else None

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens a second after the first one, whose time is prefill's; None when not measured."""
        if self.tokens < 2 or self.decode_seconds <= 0:
            return None
        return (self.tokens - 1) / self.decode_seconds

    @property
    def prefill_tokens_per_second(self) -> float | None:
        """Tokens of the prompt run a second, those left out that were in the cache already."""
        fresh = self.prompt_tokens - self.reused_tokens
        return fresh / self.prefill_seconds if fresh > 0 and self.prefill_seconds > 0 else None

    @property
    def hit_rates(self) -> tuple[float, ...]:
        """How often the guess at each depth was right, of the steps in which those above it were.

        From depth 1 to the deepest that ever was right. Empty where nothing was guessed.
        """
        reached = [sum(self.accepted_counts[depth:]) for depth in range(len(self.accepted_counts))]
        if not reached or self.nodes <= self.passes:
            return ()
        # The last burst may have taken no pass: nothing was guessed behind its root either.
        reached[0] -= self.steps - self.passes + self.lone_roots
        if len(reached) == 1:
            return (0.0,)
        return tuple(further / there if there > 0 else 0.0 for there, further in pairwise(reached))

    def after(self, earlier: Figures) -> Figures:
        """Return the figures of a reply that was stopped after the ``earlier`` ones, and gone on
        with. What the second prefill took is the time of a token like any other.
        """
        counts = zip_longest(earlier.accepted_counts, self.accepted_counts, fillvalue=0)
        first = earlier.first_token_seconds
        return Figures(
            prompt_tokens=earlier.prompt_tokens,
            reused_tokens=earlier.reused_tokens,
            tokens=earlier.tokens + self.tokens,
            steps=earlier.steps + self.steps,
            passes=earlier.passes + self.passes,
            nodes=earlier.nodes + self.nodes,
            lone_roots=earlier.lone_roots + self.lone_roots,
            prefill_seconds=earlier.prefill_seconds,
            decode_seconds=earlier.decode_seconds + self.prefill_seconds + self.decode_seconds,
            first_token_seconds=self.first_token_seconds if first is None else first,
            accepted_counts=tuple(one + other for one, other in counts),
            memory_bytes=self.memory_bytes,
        )

    def tree_words(self, tree: str) -> str:
        """Return how the reply's ``tree`` is shown: of the automatic one its mean size."""
        if tree != AUTO or self.nodes_per_step is None:
            return tree
        return f"{tree}, {self.nodes_per_step:.1f} nodes"

    @property
    def context_tokens(self) -> int:
        """Tokens of the context in use: the prompt and what was emitted."""
        return self.prompt_tokens + self.tokens

    def line(self) -> str:
        """Return the line under a finished reply; what was not measured is left out."""
        parts = []
        if self.tokens_per_second is not None:
            parts.append(f"{self.tokens_per_second:.0f} tok/s")
        if self.accepted_per_step is not None:
            parts.append(f"{self.accepted_per_step:.2f} accepted/step")
        parts.append(f"{self.tokens} token{'' if self.tokens == 1 else 's'}")
        if self.tokens:
            parts.append(f"{self.decode_seconds:.1f} s")
        if self.first_token_seconds is not None:
            parts.append(f"first token {self.first_token_seconds * 1000:.0f} ms")
        return " · ".join(parts)
