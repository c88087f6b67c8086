"""A whole step as one CUDA graph: draft, forward, choice, acceptance, compaction, learning.

Of one operation after another the host would launch a thousand, and wait for the device a few times
in between. Here it sends one small copy, launches one graph and waits for one small copy back. The
draft comes first in a graph, not last: launches and copies are as many, nothing but the hidden
state hangs over from one step into the next, and the host can choose the tree before the launch,
for it learns from every step what smaller trees would have accepted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from medusa_chat.decoding.acceptance import Draft, Typical, Walk, walk_exact
from medusa_chat.decoding.adaptive_tree import StepShape
from medusa_chat.decoding.device_learning import learn
from medusa_chat.decoding.drafting import Drafter, HeadLogits
from medusa_chat.decoding.gumbel import GumbelNoise, key_of
from medusa_chat.decoding.head_vocabulary import HeadVocabulary
from medusa_chat.decoding.history import History
from medusa_chat.decoding.lean import graph
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.mixed_drafting import MixedDrafter
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.sent_draft import DraftLayout, SentDraft, packed
from medusa_chat.decoding.step import StepOutput
from medusa_chat.decoding.stepping import Advance, Choosing, EagerStepper, drafter_of
from medusa_chat.decoding.suffix_lookup import MOST_MATCHED, Match

_MOST_GRAPHS = 64
_NO_MATCH = Match(0, 0)
_log = logging.getLogger(__name__)


class Given:
    """What a step is told by the host, at a place that stays; one copy brings it to the device.

    ``length`` [1] accepted tokens, the ``table_length`` [1] of what drafts have learnt, the
    ``root`` [1], the ``key`` [] of the noise, the ``slot`` [1] and ``matched`` [1] of the root's
    suffix chain, and a chain's odds by its length.
    """

    def __init__(self, device: torch.device) -> None:
        places, on_gpu = _NUMBERS + MOST_MATCHED + 1, device.type == "cuda"
        self._host = torch.zeros(places, dtype=torch.long, pin_memory=on_gpu)
        self._device = torch.zeros(places, dtype=torch.long, device=device)
        self._numbers = self._host.numpy()[:_NUMBERS]
        self._odds = self._host.numpy().view(np.float64)[_NUMBERS:]
        numbers = torch.split(self._device[:_NUMBERS], 1)
        self.length, self.table_length, self.root, key, self.slot, self.matched = numbers
        self.key = key[0]

    def odds(self) -> Tensor:
        """Return the odds [17] of chains, in float32."""
        return self._device.view(torch.float64)[_NUMBERS:].float()

    def send(self, numbers: Sequence[int], odds: Sequence[float] | None) -> None:
        """Bring ``numbers``, in the order of this class's attributes, to the device."""
        self._numbers[:] = numbers
        if odds is not None:
            self._odds[:] = odds
        self._device.copy_(self._host, non_blocking=True)


_NUMBERS = 6


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is recorded apart from the rest: one graph for each."""

    shape: StepShape
    sampling: Sampling
    typical: Typical | None
    window: int


class _WholeStep:
    """A graph and the place of what it comes to: count, nodes, the tokens after them, the draft.

    ``drafter`` has memory that the graph writes to; it lives as long as this does.
    """

    def __init__(
        self, shape: StepShape, drafter: Drafter | MixedDrafter, device: torch.device
    ) -> None:
        self.drafter = drafter
        self.depth = 0
        """Of the trees that are grown; no tensor of theirs is kept from those who share memory."""
        self.layout: DraftLayout
        places, on_gpu = 2 * shape.depth + 3 + 4 * shape.size, device.type == "cuda"
        self.outcome = torch.zeros(places, dtype=torch.long, device=device)
        self._host = torch.zeros(places, dtype=torch.long, pin_memory=on_gpu)
        self._numbers = self._host.numpy()
        self.replay: Callable[[], None]

    def run(self, root: int) -> Advance:
        """Run the step behind ``root``."""
        self.replay()
        self._host.copy_(self.outcome, non_blocking=True)
        if self.outcome.is_cuda:
            torch.cuda.current_stream(self.outcome.device).synchronize()
        follow = self.depth + 2
        behind = follow + self.depth + 1
        count, *both = self._numbers[:behind].tolist()
        nodes, after = both[:count], both[follow - 1 : follow - 1 + count]
        layout = self.layout
        drafted = SentDraft(layout, self._numbers[behind : behind + layout.places].copy())
        return Advance(nodes, [root, *after[:-1]], after[-1], layout.size, drafted)


class WholeSteps:
    """The graphs of whole steps of one model, its heads and what its drafts have learnt.

    Each is made when it is first needed, which takes a while. They share memory, since one runs at
    a time, and are dropped when what they read and write has moved.
    """

    def __init__(
        self,
        forward: LeanForward,
        head_logits: HeadLogits,
        vocabulary: HeadVocabulary,
        history: History,
    ) -> None:
        self.forward = forward
        self.head_logits = head_logits
        self._vocabulary = vocabulary
        self.history = history
        self._given = Given(forward.device)
        self._noise: GumbelNoise | None = None
        self._hidden: Tensor | None = None
        self._graphs: dict[_Kind, _WholeStep] = {}
        self._pool = graph.SharedPool(forward.device)
        self._moves = (0, 0)

    def are_of(self, forward: LeanForward, head_logits: HeadLogits, history: History) -> bool:
        """Whether these are what the graphs run."""
        same_model = self.forward is forward and self.head_logits is head_logits
        return same_model and self.history is history

    @property
    def hidden(self) -> Tensor:
        """The hidden state [1, H] of the last accepted token; the next step overwrites it."""
        assert self._hidden is not None, "no reply was begun"
        return self._hidden

    @torch.inference_mode()
    def begin(self, hidden: Tensor) -> None:
        """Begin behind a prompt whose last token has left ``hidden`` [1, H]."""
        if self._hidden is None:
            self._hidden = hidden.clone()
        self._hidden.copy_(hidden)

    @torch.inference_mode()
    def step(self, shape: StepShape, choosing: Choosing, key: int, root: int) -> Advance | None:
        """Run a step behind ``root``; None where it could not be recorded."""
        forward, history = self.forward, self.history
        match, odds = _NO_MATCH, None
        if isinstance(shape, MixedTree):
            history.settle()
            history.table.put_root(root)
            history.table.make_room(history.table.length + shape.depth + 3)
            odds = history.acceptance.odds()
            if shape.lookup:
                match = history.lookup.match(root)
        kind = _Kind(shape, choosing.sampling, choosing.typical, forward.prepare(shape.size))
        self._given.send(
            (forward.length, history.table.length, root, key, match.slot, match.length), odds
        )
        whole = self._graph_of(kind, choosing)
        if whole is None:
            return None
        step = whole.run(root)
        forward.cache.accept(len(step.nodes))
        if isinstance(shape, MixedTree):
            if shape.lookup:
                history.count_chain(match, root, [*step.tokens[1:], step.next_root])
            history.took(step.tokens, step.next_root)
        return step

    def _graph_of(self, kind: _Kind, choosing: Choosing) -> _WholeStep | None:
        moves = self.forward.moves, self.history.table.moves
        if moves != self._moves:
            self._graphs.clear()
            self._pool.renew()
            self._moves = moves
        whole = self._graphs.get(kind)
        if whole is None:
            while len(self._graphs) >= _MOST_GRAPHS:
                del self._graphs[next(iter(self._graphs))]
            whole = self._captured(kind, choosing)
            if whole is not None:
                self._graphs[kind] = whole
        return whole

    def _captured(self, kind: _Kind, choosing: Choosing) -> _WholeStep | None:
        drafter = drafter_of(kind.shape, self.head_logits, self._vocabulary, choosing, self.history)
        whole = _WholeStep(kind.shape, drafter, self.forward.device)
        if choosing.noisy and self._noise is None:
            self._noise = GumbelNoise(self._given.key, self.forward.vocabulary, self.forward.device)

        def record() -> None:
            draft = self._record(kind, choosing, drafter, whole.outcome)
            whole.depth, whole.layout = draft.tree.max_depth, DraftLayout.of(draft)

        # What a step changes and the next one reads: capturing runs some for nothing.
        changed = [self.hidden, self.history.table.latest]
        before = [tensor.clone() for tensor in changed]
        try:
            whole.replay = graph.capture(record, self._pool)
        except RuntimeError as error:
            reason = graph.failure_of(error)
            self.forward.whole_step_obstacle = f"a capture failed ({reason})"
            _log.warning("Whole steps are not CUDA graphs: a capture failed (%s).", reason)
            self._graphs.clear()
            self._pool.renew()
            return None
        finally:
            for tensor, value in zip(changed, before, strict=True):
                tensor.copy_(value)
        return whole

    def _record(
        self, kind: _Kind, choosing: Choosing, drafter: Drafter | MixedDrafter, outcome: Tensor
    ) -> Draft:
        """Run a step by operations whose shapes and places depend on ``kind`` alone."""
        given, noise = self._given, None
        if choosing.noisy:
            assert self._noise is not None
            offsets = torch.arange(1, kind.shape.depth + 2, device=outcome.device)
            noise = self._noise.rows(offsets + given.length)
        if isinstance(drafter, MixedDrafter):
            draft = drafter.draft_on_device(
                given.root,
                self.hidden,
                noise,
                (given.slot, given.matched),
                given.odds(),
                given.table_length,
            )
        else:
            draft = drafter.draft_on_device(given.root, self.hidden, noise)
        tree = draft.tree
        inputs = graph.StepInputs(draft.tokens, tree.depths, tree.mask, given.length[0])
        step = self.forward.run_windowed(inputs, kind.window)
        walk = _walk(draft, step, noise, choosing)
        if tree.size > 1:
            self.forward.cache.move(walk.path, given.length)
            last = walk.path.index_select(0, walk.count - 1)
            torch.index_select(step.hidden, 0, last, out=self.hidden)
        else:
            self.hidden.copy_(step.hidden)
        if isinstance(drafter, MixedDrafter):
            learn(self.history.table, given.table_length, given.root, walk, step.logits)
        places = 2 * tree.max_depth + 3 + DraftLayout.of(draft).places
        told = [walk.count, walk.path, walk.follow, *packed(draft)]
        torch.cat(told, out=outcome[:places])
        return draft


def _walk(draft: Draft, step: StepOutput, noise: Tensor | None, choosing: Choosing) -> Walk:
    size, logits = draft.tree.size, step.logits
    if choosing.typical is not None and size > 1:
        return choosing.typical.walk(draft, logits)
    if noise is None:  # behind a root alone typical acceptance takes the likeliest too
        choices = logits.argmax(-1)
    else:
        of_nodes = noise.index_select(0, draft.tree.depths)
        choices = choosing.sampling.choose_on_device(logits, of_nodes)
    if size > 1:
        return walk_exact(draft, choices)
    return Walk(torch.zeros_like(choices), choices, torch.ones_like(choices))


class GraphedStepper:
    """Decodes one reply by graphs of whole steps; where one cannot be made, by ``eager`` steps."""

    def __init__(
        self, steps: WholeSteps, eager: EagerStepper, choosing: Choosing, *, learns: bool
    ) -> None:
        self._steps = steps
        self._eager = eager
        self._choosing = choosing
        self._key = key_of(choosing.seed)
        self._learns = learns
        self._unlearnt: list[int] = []
        self._root = 0
        self._failed = False

    def begin(self, prompt: Sequence[int], prefilled: StepOutput) -> int:
        """Return the reply's first token, the first root."""
        self._root = self._eager.begin(prompt, prefilled)
        self._steps.begin(prefilled.hidden)
        return self._root

    def advance(self, shape: StepShape) -> Advance:
        """Run a step over a tree of ``shape``."""
        if self._failed:
            return self._eager.advance(shape)
        if self._unlearnt and isinstance(shape, MixedTree):
            self._steps.history.add(self._unlearnt, None)
            self._unlearnt = []
        step = self._steps.step(shape, self._choosing, self._key, self._root)
        if step is None:
            self._failed = True
            self._eager.resume(self._root, self._steps.hidden.clone(), self._unlearnt)
            return self._eager.advance(shape)
        if self._learns and not isinstance(shape, MixedTree):
            self._unlearnt += step.tokens
        self._root = step.next_root
        return step
