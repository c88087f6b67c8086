"""The stock forward: one step of an unchanged transformers model over a candidate tree."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from medusa_chat.decoding.attention_kernels import ready_kernels
from medusa_chat.decoding.kv_cache import TreeCache
from medusa_chat.decoding.step_threads import StepThreads
from medusa_chat.decoding.tree import Tree
from medusa_chat.errors import ModelError


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What a forward leaves: ``hidden`` [n, H] that enters the output matrix, ``logits`` [n, V]."""

    hidden: Tensor
    logits: Tensor


class Forward(Protocol):
    """A model with a cache, as the decoder drives it."""

    context_tokens: int
    """Positions that the model has: prompt and reply together never exceed it."""
    vocabulary: int
    device: torch.device

    threads: StepThreads
    """What chooses the threads of its steps on a CPU."""

    @property
    def length(self) -> int:
        """Accepted tokens in the cache."""

    def step(self, tokens: Tensor, tree: Tree) -> StepOutput:
        """Run the tree's ``tokens`` [N] behind the accepted ones; nothing is accepted yet."""

    def extend(self, tokens: Tensor, rows: int = 1) -> StepOutput:
        """Run ``tokens`` [n] one after the other and accept them.

        The output is that of the last ``rows`` of them.
        """

    def compact(self, nodes: Sequence[int]) -> None:
        """Accept the nodes of the last step on one path, from the root down."""

    def truncate(self, length: int) -> None:
        """Forget all accepted tokens but the first ``length``."""


class StockForward:
    """A transformers causal language model behind the ``Forward`` interface.

    Logits come through the model's own head code (soft caps and scales included), and ``hidden`` is
    what enters its output matrix, caught by a hook: the input that Medusa heads are trained on.

    ``tree_room`` is the most nodes of a step. With ``own_mask`` the model is given a ready float
    mask and positions, which trees need; without, it makes its own causal ones, for models that
    place tokens in ways of their own (ALiBi): then only chains are right.
    """

    def __init__(
        self, model: Any, context_tokens: int, tree_room: int, *, own_mask: bool = True
    ) -> None:
        self.context_tokens = context_tokens
        self.device: torch.device = model.get_input_embeddings().weight.device
        self.threads = StepThreads()
        self._model = model
        self._own_mask = own_mask
        output = model.get_output_embeddings()
        if not hasattr(output, "out_features"):
            raise ModelError(
                f"{type(model).__name__} has no output matrix: it cannot be chatted with."
            )
        self.vocabulary: int = output.out_features
        self._output = output
        self._trims_logits = "logits_to_keep" in inspect.signature(model.forward).parameters
        layers: int = model.config.get_text_config().num_hidden_layers
        self._cache = TreeCache(layers, context_tokens + tree_room)

    @property
    def length(self) -> int:
        """Accepted tokens in the cache."""
        return self._cache.length

    def step(self, tokens: Tensor, tree: Tree) -> StepOutput:
        """Run the tree's ``tokens`` [N]; the output has a row a node."""
        assert self._own_mask or tree.size == 1, "a tree needs a mask of its own"
        begun, count = self.threads.begin(), tokens.shape[0]
        output = self._run(tokens, self.length + tree.depths, tree.mask, rows=count)
        self.threads.end(count, begun)
        return output

    @torch.inference_mode()
    def extend(self, tokens: Tensor, rows: int = 1) -> StepOutput:
        """Run and accept ``tokens`` [n]; the output has a row for each of the last ``rows``."""
        count = tokens.shape[0]
        positions = torch.arange(self.length, self.length + count, device=self.device)
        causal = torch.ones(count, count, dtype=torch.bool, device=self.device).tril()
        output = self._run(tokens, positions, causal, rows)
        self._cache.keep(range(count))
        return output

    @torch.inference_mode()
    def compact(self, nodes: Sequence[int]) -> None:
        """Move the accepted nodes' keys and values next to the prefix."""
        self._cache.keep(nodes)

    def truncate(self, length: int) -> None:
        """Forget all accepted tokens but the first ``length``."""
        self._cache.truncate(length)

    @torch.inference_mode()
    def _run(self, tokens: Tensor, positions: Tensor, sees: Tensor, rows: int) -> StepOutput:
        """Run ``tokens`` [n] at ``positions`` [n]; ``sees`` [n, n] is who attends to whom."""
        arguments: dict[str, Any] = {"logits_to_keep": rows} if self._trims_logits else {}
        if self._own_mask:
            # Guesses past the last position are never emitted: any position will do for them.
            clamped = positions.clamp(max=self.context_tokens - 1)
            arguments["position_ids"] = clamped[None]
            arguments["attention_mask"] = self._float_mask(sees)
        caught: list[Tensor] = []
        # For this run only: a forward that is given up must not go on listening.
        listening = self._output.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
        with listening, ready_kernels(self.device):
            logits = self._model(
                input_ids=tokens[None],
                past_key_values=self._cache.for_transformers,
                use_cache=True,
                **arguments,
            ).logits
        # Of a model on several devices, what comes out lies on the last one.
        hidden = caught[-1][0, -rows:].to(self.device)
        return StepOutput(hidden, logits[0, -rows:].to(self.device).float())

    def _float_mask(self, sees: Tensor) -> Tensor:
        """Return the additive mask [1, 1, n, S]: the prefix is seen by all.

        Additive, since a boolean one is silently wrong under eager attention.
        """
        dtype = self._model.dtype
        prefix = torch.zeros(sees.shape[0], self.length, dtype=dtype, device=self.device)
        nodes = torch.zeros(sees.shape, dtype=dtype, device=self.device)
        nodes.masked_fill_(~sees, torch.finfo(dtype).min)
        return torch.cat([prefix, nodes], dim=1)[None, None]
