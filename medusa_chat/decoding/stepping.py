"""One step of decoding: draft, forward, accept, compact, learn. Plain decoding is the same step.

Plain decoding checks a tree of the root alone: the same cache, the same timers, the same code, so
that the comparison with Medusa is fair by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from medusa_chat.decoding.acceptance import (
    Accepted,
    Draft,
    HostNodes,
    Typical,
    accept_exact,
)
from medusa_chat.decoding.adaptive_tree import StepShape
from medusa_chat.decoding.drafting import Drafter, HeadLogits
from medusa_chat.decoding.gumbel import GumbelNoise
from medusa_chat.decoding.head_vocabulary import HeadVocabulary
from medusa_chat.decoding.history import History
from medusa_chat.decoding.mixed_drafting import MixedDrafter
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.repetition_penalty import RepetitionPenalty
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.step import Forward, StepOutput
from medusa_chat.decoding.step_record import Drafted, KeptDraft

_FEW_LOGITS = 2**16
"""On a CPU the likeliest tokens of all nodes are found in the time of two nodes up to here."""


@dataclass(frozen=True, slots=True)
class Choosing:
    """How the tokens of one reply are chosen. ``typical`` None is exact acceptance."""

    sampling: Sampling
    seed: int = 0
    typical: Typical | None = None

    @property
    def noisy(self) -> bool:
        """Whether a position's noise decides."""
        return self.typical is None and not self.sampling.greedy


@dataclass(frozen=True, slots=True)
class Advance:
    """What a step came to: the accepted ``nodes`` of the tree's ``size`` and their ``tokens``.

    The root's come first; ``next_root`` is the token after them. ``drafted`` is the tree itself,
    where it can be looked at.
    """

    nodes: list[int]
    tokens: list[int]
    next_root: int
    size: int
    drafted: Drafted | None = None


class Stepper(Protocol):
    """Decodes one reply, a step at a time; what a step leaves for the next one stays inside."""

    def begin(self, prompt: Sequence[int], prefilled: StepOutput) -> int:
        """Return the reply's first token, the first root; ``prefilled`` [1, ...] is the prompt's.

        The prompt lies in the cache.
        """

    def advance(self, shape: StepShape) -> Advance:
        """Run a step over a tree of ``shape``; what it accepts lies in the cache then."""


class EagerStepper:
    """Steps run one operation at a time, by any forward on any device.

    With ``history`` what is drafted from takes in what the steps come to.
    """

    def __init__(
        self,
        forward: Forward,
        head_logits: HeadLogits,
        vocabulary: HeadVocabulary,
        choosing: Choosing,
        history: History | None,
    ) -> None:
        self._forward = forward
        self._head_logits = head_logits
        self._vocabulary = vocabulary
        self._choosing = choosing
        self._history = history
        self._noise: GumbelNoise | None = None
        if choosing.noisy:
            self._noise = GumbelNoise(choosing.seed, forward.vocabulary, forward.device)
        self._penalty: RepetitionPenalty | None = None
        self._drafters: dict[StepShape, Drafter | MixedDrafter] = {}
        self._root = 0
        self._position = 0
        # A step that drafts nothing is to cost no more than a plain one: its tokens are learnt when
        # something is drafted from them, and what the model thought of others there is not.
        self._unlearnt: list[int] = []
        self._hidden: Tensor

    def begin(self, prompt: Sequence[int], prefilled: StepOutput) -> int:
        """Return the reply's first token, the first root."""
        forward, logits = self._forward, prefilled.logits
        penalty = self._choosing.sampling.repetition_penalty
        if penalty != 1:
            self._penalty = RepetitionPenalty(penalty, prompt, forward.vocabulary, forward.device)
            logits = self._penalty.after_text(logits)
        self._position = len(prompt)
        self._hidden = prefilled.hidden
        if self._noise is None:
            self._root = int(logits.argmax(-1))
        else:
            noise = self._noise.rows(torch.tensor([self._position], device=logits.device))
            self._root = int(self._choosing.sampling.choose(logits, noise))
        if self._penalty is not None:
            self._penalty.add([self._root])
        return self._root

    def resume(self, root: int, hidden: Tensor, unlearnt: list[int]) -> None:
        """Go on behind what another stepper has accepted: ``hidden`` [1, H] is the last token's.

        ``unlearnt`` are the latest tokens, which ``history`` does not know yet.
        """
        self._root, self._hidden, self._position = root, hidden, self._forward.length
        self._unlearnt = unlearnt

    def advance(self, shape: StepShape) -> Advance:
        """Run a step over a tree of ``shape``."""
        root, noise = self._root, None
        if self._noise is not None:
            noise = self._noise.window(self._position + 1, shape.depth + 1)
        drafter = self._drafter_of(shape)
        if self._unlearnt and isinstance(drafter, MixedDrafter):
            assert self._history is not None, "a mixed tree is grown from it"
            self._history.add(self._unlearnt, None)
            self._unlearnt = []
        draft = drafter.draft(root, self._hidden, noise)
        step = self._forward.step(draft.tokens, draft.tree)
        accepted, tokens = self._accept(draft, step, noise)
        self._forward.compact(accepted.nodes)
        self._hidden = step.hidden.narrow(0, accepted.nodes[-1], 1)
        self._root = accepted.next_token
        self._position += len(tokens)
        if isinstance(drafter, MixedDrafter):
            drafter.learn(tokens, _rows_of(step.logits, accepted.nodes), self._root)
        elif self._history is not None:
            self._unlearnt += tokens
        if self._penalty is not None:
            self._penalty.add([*tokens[1:], self._root])
        return Advance(accepted.nodes, tokens, self._root, draft.tree.size, KeptDraft(draft))

    def _drafter_of(self, shape: StepShape) -> Drafter | MixedDrafter:
        drafter = self._drafters.get(shape)
        if drafter is None:
            heads, vocabulary = self._penalised_heads()
            drafter = drafter_of(shape, heads, vocabulary, self._choosing, self._history)
            self._drafters[shape] = drafter
        return drafter

    def _penalised_heads(self) -> tuple[HeadLogits, HeadVocabulary]:
        """Return the heads, penalised like the model whose choice they guess, and their tokens.

        Their guesses are ranked by the text so far alone: what matters is speed, not exactness.
        """
        penalty, head_logits, vocabulary = self._penalty, self._head_logits, self._vocabulary
        if penalty is None:
            return head_logits, vocabulary

        def penalised(hidden: Tensor, depth: int, root: Tensor) -> Tensor:
            return penalty.after_text(vocabulary.whole(head_logits(hidden, depth, root).float()))

        return penalised, HeadVocabulary(vocabulary.vocabulary)

    def _accept(
        self, draft: Draft, step: StepOutput, noise: Tensor | None
    ) -> tuple[Accepted, list[int]]:
        """Return the accepted path and its tokens, the root's first."""
        penalty, logits = self._penalty, step.logits
        sampling, typical = self._choosing.sampling, self._choosing.typical
        if typical is not None or not logits.is_cpu:
            if penalty is not None:
                logits = penalty.after_nodes(logits, draft)
            if typical is not None:
                accepted = typical.accept(draft, logits)
                return accepted, draft.tokens[accepted.nodes].tolist()
            noise_of_nodes = None if noise is None else noise[draft.tree.depths]
            choices = sampling.choose(logits, noise_of_nodes)
            # One copy to the host a step.
            copied = torch.stack([draft.tree.parents, draft.tokens, choices]).tolist()
            parents, tokens, chosen = copied
            accepted = accept_exact(parents, tokens, chosen.__getitem__)
            return accepted, [tokens[node] for node in accepted.nodes]
        rows = logits.numpy()
        noise_rows = None if noise is None else noise.numpy()
        is_alone = draft.tree.size == 1
        nodes = HostNodes([0], [0], [self._root]) if is_alone else draft.host_nodes()
        depths, tokens = nodes.depths, nodes.tokens

        def choose(node: int) -> int:
            # On a CPU only the nodes on the walked path are worth a choice.
            row = rows[node]
            if penalty is not None:
                row = penalty.after_node(logits, draft, node)[0].numpy()
            return sampling.choose_one(
                row, None if noise_rows is None else noise_rows[depths[node]]
            )

        if sampling.greedy and penalty is None and rows.size <= _FEW_LOGITS:
            choose = rows.argmax(1).tolist().__getitem__
        accepted = accept_exact(nodes.parents, tokens, choose)
        return accepted, [tokens[node] for node in accepted.nodes]


def _rows_of(logits: Tensor, nodes: list[int]) -> Tensor:
    """Return a copy of the rows of ``nodes``."""
    if logits.is_cpu:  # which takes a third of the time through NumPy
        return torch.from_numpy(logits.numpy()[nodes])
    return logits[nodes]


def drafter_of(
    shape: StepShape,
    head_logits: HeadLogits,
    vocabulary: HeadVocabulary,
    choosing: Choosing,
    history: History | None,
) -> Drafter | MixedDrafter:
    """Return what fills trees of ``shape``; those of several sources need a ``history``."""
    # Where no noise decides nothing is drawn by the temperature.
    temperature = choosing.sampling.temperature if choosing.noisy else 1.0
    if isinstance(shape, MixedTree):
        assert history is not None, "a mixed tree is grown from what is known of the text"
        return MixedDrafter(shape, head_logits, vocabulary, temperature, history)
    return Drafter(shape, head_logits, vocabulary, temperature)
