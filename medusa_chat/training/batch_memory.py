"""What a step makes beside what learns, at the moment when most of it is there. No torch.

Each term was compared with the blocks that were alive in trainings of small models on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

from medusa_chat.models.shape import ModelShape
from medusa_chat.training.logit_pieces import ROWS_AT_ONCE
from medusa_chat.training.settings import TrainSettings

_MAPPED_BYTES = 2**25
"""Blocks from this size on glibc maps for themselves, and so they leave no gaps in its heap."""
_COPIES_OF_LOGITS = 4.0
"""Logits, their logarithms of probabilities, and the gradients of both."""
_MIXED_COPIES_OF_LOGITS = 3.5
"""As many, but the first in half precision, which is in float32 again for the loss, and of the
gradients one at a time."""
_TEACHER_COPIES_OF_LOGITS = 6.0
"""Those, and the teacher's logits and probabilities."""
_WIDE = 4
"""Bytes of a number in float32."""
_HALF = 2


@dataclass(frozen=True, slots=True)
class BatchMemory:
    """The bytes that one batch of ``tokens``, padding included, takes on a device of this ``kind``.

    ``dtype_bytes`` is what a weight of the base takes that is not quantised; with ``mixed``,
    products are made in half precision.
    """

    shape: ModelShape
    settings: TrainSettings
    kind: str
    dtype_bytes: int
    tokens: int
    mixed: bool

    @property
    def activations(self) -> int:
        """All that is alive at once."""
        kept = self._kept
        # On a GPU what is kept so long, in so many pieces, leaves gaps: by calculation.
        if self.kind == "cuda":
            kept += kept // 4
        passing = self._passing
        if self._joint and self.settings.gradient_checkpointing:
            # A layer is computed once more when the heads' part is over.
            passing += self.tokens * self._kept_of_a_layer
        teaching = 0
        if self.settings.base_loss == "teacher":
            # Before the heads have begun.
            teaching = int(_TEACHER_COPIES_OF_LOGITS * self._piece) + self._rounded_output
        return kept + max(self._heads + max(self._logits, self._heads_backwards), passing, teaching)

    @property
    def gaps(self) -> int:
        """What is added at most where freed blocks stay in the heap of the C library.

        Whatever a step makes and frees leaves room where only smaller blocks fit: once as much; of
        what a base keeps for its backward pass, which is freed last in, first out, half.
        """
        kept = self._kept
        gaps = self.activations - kept - (self._logits if self._piece >= _MAPPED_BYTES else 0)
        if self._state < _MAPPED_BYTES:
            gaps += kept // 2
        return max(gaps, 0)

    @property
    def _joint(self) -> bool:
        return self.settings.stage == "medusa-2"

    @property
    def _whole(self) -> bool:
        return self._joint and not self.settings.lora_rank

    @property
    def _state(self) -> int:
        """Hidden states, in float32."""
        return self.tokens * self.shape.hidden * _WIDE

    @property
    def _made_bytes(self) -> int:
        """Of a number that a product makes."""
        return _HALF if self.mixed else self.dtype_bytes

    @property
    def _piece(self) -> int:
        """The logits of so many positions as are made at once, in float32."""
        return min(ROWS_AT_ONCE[self.kind], self.tokens) * self.shape.vocabulary * _WIDE

    @property
    def _rounded_output(self) -> int:
        """An output matrix that learns, rounded for products in half precision."""
        if not self.mixed or not (self._whole or self.settings.layout == "v0.1"):
            return 0
        return self.shape.vocabulary * self.shape.hidden * _HALF

    @property
    def _heads(self) -> int:
        """Of each head a block's product and sum; what leaves it, its gradient; what enters all."""
        # Of a block before the last, both are kept in half precision where products are made so.
        before = (self.settings.layers - 1) * (1 if self.mixed else 2)
        return self._state * (self.settings.heads * (before + 4) + 1)

    @property
    def _heads_backwards(self) -> int:
        return self._state * self.settings.heads * 3

    @property
    def _logits(self) -> int:
        """The logits of a piece, and what is made of them."""
        copies = _MIXED_COPIES_OF_LOGITS if self.mixed else _COPIES_OF_LOGITS
        # Of a matrix that learns, the gradient of a piece, before it is added up; it is made in
        # the precision of the product. The last copy of the logits is not there any more, or yet.
        gradient = 0
        if self._whole or self.settings.layout == "v0.1":
            width = _WIDE + _HALF if self.mixed else _WIDE
            gradient = self.shape.vocabulary * self.shape.hidden * width
        loss = int(copies * self._piece)
        return self._rounded_output + max(loss, loss - self._piece + gradient)

    @property
    def _passing(self) -> int:
        """One layer at its widest."""
        if self._joint:  # backwards: the gradients of the gate and of what it lets through
            passing = self._state + 2 * self.tokens * self.shape.intermediate * self._made_bytes
        else:  # forwards: projections of attention and MLP, and norms in float32
            width = 2 * self.shape.query_width + 2 * self.shape.key_width
            width += 3 * self.shape.intermediate
            passing = 3 * self._state + self.tokens * width * self._made_bytes
        if self.settings.quantization == "4bit":
            # For so many rows bitsandbytes makes the matrix of 16 bits first.
            widest = max(self.shape.intermediate, self.shape.hidden)
            passing += self.shape.hidden * widest * self.dtype_bytes
        return passing

    @property
    def _kept(self) -> int:
        """What is there from the base's forward pass on until the heads have learnt."""
        if not self._joint:
            return self._state
        # The hidden states of its end, and what their gradients meet in; what enters the last norm
        # and, where that learns, its end before the weights; the teacher's hidden states.
        states = 3 + self._whole + (self.settings.base_loss == "teacher")
        kept = states * self._state
        if self.settings.gradient_checkpointing:  # what enters each layer
            return kept + self.shape.layers * self.tokens * self.shape.hidden * self.dtype_bytes
        if self._whole and self.mixed:
            # The matrices that learn, rounded for products: kept too, for the way back.
            kept += self.shape.linear_parameters * _HALF
        return kept + self.shape.layers * self.tokens * self._kept_of_a_layer

    @property
    def _kept_of_a_layer(self) -> int:
        """The bytes a token that a layer of a base that learns keeps for the backward pass."""
        shape, made = self.shape, self._made_bytes
        # Queries, keys and values; what attention makes of them; the gate before and behind its
        # function, and what it lets through; what enters two norms, in float32.
        attention = 2 * shape.query_width + 2 * shape.key_width
        kept = (attention + 3 * shape.intermediate) * made + 2 * shape.hidden * _WIDE
        # Into queries, keys, values, gate and up; out of attention; out of the gate.
        entering = 5 * shape.hidden + shape.query_width + shape.intermediate
        if self._whole:
            # What enters a matrix that learns: the gate's product; the norms' ends before their
            # weights and behind them, where each product rounds them for itself.
            ends = 5 * shape.hidden * made if self.mixed else 2 * shape.hidden * _WIDE
            return kept + shape.intermediate * made + 2 * shape.hidden * _WIDE + ends
        if self.settings.lora_dropout:
            # What enters each adapter, and what is dropped out of it: in float32 on a CPU.
            dropped = _WIDE if self.kind == "cpu" else 1
            return kept + entering * ((_HALF if self.mixed else _WIDE) + dropped)
        if self.mixed:  # each product rounds it for itself
            return kept + entering * _HALF
        return kept + (2 * shape.hidden + shape.query_width + shape.intermediate) * _WIDE
