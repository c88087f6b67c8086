"""The decoding loop: the prompt, then steps until the reply ends; plain decoding is the same."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medusa_chat.decoding.acceptance import Typical
from medusa_chat.decoding.adaptive_tree import AdaptiveTree, StepShape
from medusa_chat.decoding.drafting import HeadLogits
from medusa_chat.decoding.graphed_stepping import GraphedStepper, WholeSteps
from medusa_chat.decoding.head_vocabulary import HeadVocabulary
from medusa_chat.decoding.history import History
from medusa_chat.decoding.launches import launches, whole_step_obstacle
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.reply_output import Ending, ReplyOutput
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.stats import Figures
from medusa_chat.decoding.step import Forward, StepOutput
from medusa_chat.decoding.step_clock import step_clock
from medusa_chat.decoding.step_record import StepLog, StepRecord
from medusa_chat.decoding.stepping import Choosing, EagerStepper, Stepper
from medusa_chat.errors import ContextFullError, UsageError
from medusa_chat.settings import MAX_TREE_SIZE

_PREFILL_CHUNK = 512
"""Tokens of the prompt run at once; a reply can be cancelled in between."""
_LEARNT_LOGITS = 2**24
"""Logits of the prompt held at once, 64 MiB: of a large vocabulary not every position is learnt."""


@dataclass(frozen=True, slots=True)
class Request:
    """How one reply is to be decoded. ``typical`` None is exact acceptance."""

    shape: StepShape | AdaptiveTree
    sampling: Sampling
    ending: Ending
    seed: int = 0
    typical: Typical | None = None


@dataclass(frozen=True, slots=True)
class Emission:
    """A token of a burst, and the text that may now be shown; with 0 ``tokens``, text held back."""

    burst: int
    tokens: int
    text: str


class Decoder:
    """A model with its cache and heads; decodes one reply at a time.

    The cache outlives a reply: the next prompt reuses its longest common prefix with it, and what
    drafts have learnt from that prefix (``history``).
    ``decode_text`` turns token ids into text. The heads' logits are of ``head_tokens`` [W], or of
    all tokens.
    """

    def __init__(
        self,
        forward: Forward,
        head_logits: HeadLogits,
        decode_text: Callable[[list[int]], str],
        head_tokens: Tensor | None = None,
    ) -> None:
        self.forward = forward
        self.head_logits = head_logits
        if head_tokens is not None:
            head_tokens = head_tokens.to(forward.device)
        self.head_vocabulary = HeadVocabulary(forward.vocabulary, head_tokens)
        self.decode_text = decode_text
        self.pieces: dict[int, str] = {}
        """What single tokens were seen to add to a text."""
        self.cached: list[int] = []
        # On a device what is learnt never moves, for the sake of graphs: 72 bytes a token.
        on_cpu = forward.device.type == "cpu"
        most_tokens = None if on_cpu else forward.context_tokens + 2 * MAX_TREE_SIZE
        self.history = History(forward.vocabulary, forward.device, most_tokens)
        self._whole_steps: WholeSteps | None = None

    def forget(self) -> None:
        """Empty the cache, so that the next prompt is prefilled whole and teaches drafts anew."""
        self.forward.truncate(0)
        self.cached.clear()
        self.history.forget()

    def start(self, prompt: Sequence[int], request: Request, *, raw: bool = False) -> Decoding:
        """Prepare to answer ``prompt``. With ``raw`` the text continues the prompt's own.

        Raises UsageError for an empty prompt and ContextFullError for one that leaves no room.
        """
        return Decoding(self, list(prompt), request, context=prompt[-8:] if raw else ())

    def whole_steps(self, repetition_penalty: float = 1.0) -> WholeSteps | None:
        """Return the graphs of whole steps; None where there can be none."""
        forward = self.forward
        if not isinstance(forward, LeanForward):
            return None
        if whole_step_obstacle(forward, repetition_penalty) is not None:
            return None
        steps = self._whole_steps
        if steps is None or not steps.are_of(forward, self.head_logits, self.history):
            steps = self._whole_steps = WholeSteps(
                forward, self.head_logits, self.head_vocabulary, self.history
            )
        return steps


class Decoding:
    """One reply while it is decoded; iterate over ``run`` to the end."""

    def __init__(
        self, decoder: Decoder, prompt: list[int], request: Request, context: Sequence[int]
    ) -> None:
        forward = decoder.forward
        room = forward.context_tokens - len(prompt)
        if not prompt:
            raise UsageError("The prompt is empty: there is nothing to answer.")
        if room < 1:
            raise ContextFullError(
                f"The prompt has {len(prompt)} tokens, which fills the model's context of "
                f"{forward.context_tokens}: shorten it, or start a new chat."
            )
        self._arrived = time.perf_counter()
        self._decoder = decoder
        self._forward = forward
        self._prompt = prompt
        self._request = request
        self.output = ReplyOutput(
            request.ending, room, decoder.decode_text, context, decoder.pieces
        )
        self.reused_tokens = self._reusable_tokens()
        self.steps = StepLog()
        """What each step checked."""
        self._stepper = self._made_stepper()
        self._passes = self._nodes = self._lone_roots = 0
        self._prefill_started = self._prefill_seconds = 0.0
        self._first_token_seconds: float | None = None
        self._prefilled_at = 0.0
        self._last_token_at = 0.0

    def run(self, cancelled: Callable[[], bool] = lambda: False) -> Iterator[list[Emission]]:
        """Decode to the end; yield what each step made certain, the prefill's first token first.

        ``cancelled`` is asked between steps, and between the chunks of a long prefill.
        """
        prefilled = self._prefill(cancelled)
        if prefilled is None:
            yield self._stop()
            return
        root = self._stepper.begin(self._prompt, prefilled)
        self._first_token_known()
        yield self._emit([root], root=True)
        clock = step_clock(self._forward.device)
        while self.output.stop_reason is None:
            if cancelled():
                yield self._stop()
                return
            started_at, started = time.perf_counter(), clock()
            shape = self._shape()
            step = self._stepper.advance(shape)
            self._passes += 1
            self._nodes += step.size
            self._lone_roots += step.size == 1
            self._decoder.cached += step.tokens
            self._last_token_at = time.perf_counter()
            if step.drafted is not None:
                seconds = self._last_token_at - started_at
                self.steps.add(StepRecord(step.drafted, step.nodes, step.next_root, seconds))
            if isinstance(self._request.shape, AdaptiveTree):
                self._request.shape.observe(shape, step.nodes, clock() - started)
            guessed, root = step.tokens[1:], step.next_root
            self.output.foresee([*guessed, root])
            emissions = self._emit(guessed, root=False)
            if self.output.stop_reason is None:
                emissions += self._emit([root], root=True)
            yield emissions

    @property
    def figures(self) -> Figures:
        """The figures so far."""
        lengths = Counter(map(len, self.output.bursts))
        return Figures(
            prompt_tokens=len(self._prompt),
            reused_tokens=self.reused_tokens,
            tokens=self.output.tokens,
            steps=len(self.output.bursts),
            passes=self._passes,
            nodes=self._nodes,
            lone_roots=self._lone_roots,
            prefill_seconds=self._prefill_seconds,
            decode_seconds=self._last_token_at - self._prefilled_at,
            first_token_seconds=self._first_token_seconds,
            accepted_counts=tuple(
                lengths[length] for length in range(1, max(lengths, default=0) + 1)
            ),
        )

    @property
    def launches(self) -> str | None:
        """How its steps are run, as far as is known by now; see ``launches``."""
        return launches(self._forward, self._request.sampling.repetition_penalty)

    def _made_stepper(self) -> Stepper:
        decoder, request, learns = self._decoder, self._request, self._learns
        choosing = Choosing(request.sampling, request.seed, request.typical)
        eager = EagerStepper(
            self._forward,
            decoder.head_logits,
            decoder.head_vocabulary,
            choosing,
            decoder.history if learns else None,
        )
        steps = decoder.whole_steps(request.sampling.repetition_penalty)
        return eager if steps is None else GraphedStepper(steps, eager, choosing, learns=learns)

    def _shape(self) -> StepShape:
        """Return the shape of the next step."""
        shape = self._request.shape
        return shape.next_shape() if isinstance(shape, AdaptiveTree) else shape

    @property
    def _learns(self) -> bool:
        """Whether drafts are made from what the conversation has taught."""
        shape = self._request.shape
        return shape.learns if isinstance(shape, AdaptiveTree) else isinstance(shape, MixedTree)

    def _reusable_tokens(self) -> int:
        # The last token is always run again: the reply begins from its hidden state.
        return min(_common_prefix(self._decoder.cached, self._prompt), len(self._prompt) - 1)

    def _prefill(self, cancelled: Callable[[], bool]) -> StepOutput | None:
        """Run the prompt's new part in chunks; return the last token's output.

        None when cancelled.
        """
        self._prefill_started = time.perf_counter()
        decoder, output = self._decoder, None
        # Looked up again: another reply may have been decoded since this one was started.
        self.reused_tokens = self._reusable_tokens()
        self._forward.truncate(self.reused_tokens)
        del decoder.cached[self.reused_tokens :]
        # What was decoded plainly since has taught nothing: its tokens are known, no more.
        decoder.history.truncate(self.reused_tokens)
        learns = self._learns
        if learns:
            decoder.history.add(decoder.cached[decoder.history.length :], None)
        learnt = max(1, _LEARNT_LOGITS // self._forward.vocabulary)
        while len(decoder.cached) < len(self._prompt):
            if cancelled():
                return None
            chunk = self._prompt[len(decoder.cached) :][:_PREFILL_CHUNK]
            ids = torch.tensor(chunk, device=self._forward.device)
            rows = min(len(chunk), learnt) if learns else 1
            output = self._forward.extend(ids, rows)
            decoder.cached += chunk
            if learns:
                decoder.history.add(chunk[:-rows], None)
                decoder.history.add(chunk[-rows:], output.logits)
                decoder.history.settle()
        assert output is not None, "the last token is always run again"
        return StepOutput(output.hidden[-1:], output.logits[-1:])

    def _first_token_known(self) -> None:
        # Reading the token waited for the device, so these times hold on a GPU too.
        self._prefilled_at = self._last_token_at = time.perf_counter()
        self._prefill_seconds = self._prefilled_at - self._prefill_started
        self._first_token_seconds = self._prefilled_at - self._arrived

    def _emit(self, tokens: Sequence[int], *, root: bool) -> list[Emission]:
        # One by one: how deep in its burst a token was guessed is shown.
        emissions: list[Emission] = []
        for token in tokens:
            text = self.output.push(token, root=root)
            emissions.append(Emission(len(self.output.bursts) - 1, 1, text))
            if self.output.stop_reason is not None:
                break
        return emissions

    def _stop(self) -> list[Emission]:
        held = self.output.end("cancelled")
        return [Emission(len(self.output.bursts) - 1, 0, held)] if held else []


def _common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))
