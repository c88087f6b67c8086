"""The lean forward: a step of a Llama, Mistral, Qwen2 or Qwen3 in a dozen operations a layer.

It computes what transformers' own models compute, from the weights of one of them, without what
these spend in Python: 260 microseconds a layer and step, against some 50 here. The stock forward is
its oracle. Shapes: n rows, L layers, H query heads, J key and value heads, D head dim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from medusa_chat.decoding.attention_kernels import ready_kernels
from medusa_chat.decoding.lean.attention import StepMasks, attend, mask_of, windowed_mask
from medusa_chat.decoding.lean.cache import LeanCache, Places
from medusa_chat.decoding.lean.fitness import graph_obstacle, unfitness
from medusa_chat.decoding.lean.fp8 import is_float8
from medusa_chat.decoding.lean.graph import StepGraphs, StepInputs
from medusa_chat.decoding.lean.linear import Product
from medusa_chat.decoding.lean.rotary import Rotary, rotate_
from medusa_chat.decoding.lean.weights import (
    layer_weights,
    let_go_of_files,
    norm_of,
    product_of,
    unpack,
)
from medusa_chat.decoding.step import StepOutput
from medusa_chat.decoding.step_threads import StepThreads
from medusa_chat.decoding.tree import Tree
from medusa_chat.decoding.tree_check import FLOAT8_TOLERANCE, RUN_ERRORS

_CHECK_TOKENS = 6
_LENGTHS = 16
"""Longer stretches of a prompt are run on a CPU in multiples of so many rows."""
_EVEN_ROWS = 8
"""A window of all the cache is a multiple of this: a GPU's attention would pad another mask."""
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 0.02, torch.bfloat16: 0.05}
_QUANTIZED_TOLERANCE = 0.1


class LeanForward:
    """A model of the Llama family behind the ``Forward`` interface.

    It takes over the weights of ``model``, which stays usable. ``tree_room`` is the most nodes of a
    step; with ``spare`` memory is worth more than the speed of single rows.
    """

    def __init__(self, model: Any, context_tokens: int, tree_room: int, *, spare: bool) -> None:
        self.context_tokens = context_tokens
        self.device: torch.device = model.get_input_embeddings().weight.device
        output = model.get_output_embeddings()
        self.vocabulary: int = output.out_features
        attention = model.model.layers[0].self_attn
        self._width: int = attention.head_dim
        self._scale: float = attention.scaling
        self._key_heads: int = attention.k_proj.out_features // self._width
        self._query_heads: int = attention.q_proj.out_features // self._width
        if spare and self.device.type == "cpu":
            let_go_of_files(model)
        self._embeddings: Tensor = model.get_input_embeddings().weight.detach()
        self._layers = [layer_weights(layer, spare=spare) for layer in model.model.layers]
        self._norm = norm_of(model.model.norm)
        self.threads = StepThreads()
        self.output = _output_product(output, self._embeddings, spare=spare)
        """The product with the output matrix, which heads may share."""
        rotary = model.model.rotary_emb
        dtype = self._embeddings.dtype
        self._rotary = Rotary(
            rotary.inv_freq.to(self.device), float(rotary.attention_scaling), dtype
        )
        self.cache = LeanCache(
            len(self._layers),
            self._key_heads,
            self._width,
            -(-(context_tokens + tree_room) // _EVEN_ROWS) * _EVEN_ROWS,
            self._embeddings,
        )

        self._group = self._query_heads // self._key_heads
        self._masks = StepMasks(self._group, dtype, self.device)
        self.graph_obstacle = graph_obstacle(model)
        """Why steps are not CUDA graphs; None where they are."""
        self._graphs: StepGraphs | None = None
        if self.graph_obstacle is None:
            self._graphs = StepGraphs(self.run_windowed, self.device)
        self.whole_step_obstacle: str | None = self.graph_obstacle
        """Why whole steps, drafts and acceptance included, are not one CUDA graph each."""
        self.moves = 0
        """How often memory has moved that graphs know the place of."""

    @property
    def eager_reason(self) -> str | None:
        """Why steps are run one operation after the other; None where they are CUDA graphs."""
        if self._graphs is None:
            return self.graph_obstacle
        failure = self._graphs.failure
        return None if failure is None else f"a capture failed ({failure})"

    @property
    def graphs_in_use(self) -> bool:
        """Whether forward passes, at least, are replayed from CUDA graphs."""
        return self._graphs is not None and self._graphs.failure is None

    @contextmanager
    def eagerly(self) -> Iterator[None]:
        """Run one operation after the other for a while, as where graphs are not possible."""
        before = self._graphs, self.graph_obstacle, self.whole_step_obstacle
        self._graphs, self.graph_obstacle = None, "it is asked for"
        self.whole_step_obstacle = self.graph_obstacle
        try:
            yield
        finally:
            self._graphs, self.graph_obstacle, self.whole_step_obstacle = before
            if self._graphs is not None:
                self._graphs.forget()  # memory may have moved

    @property
    def length(self) -> int:
        """Accepted tokens in the cache."""
        return self.cache.length

    @torch.inference_mode()
    def step(self, tokens: Tensor, tree: Tree) -> StepOutput:
        """Run the tree's ``tokens`` [N]; the output has a row a node.

        From a CUDA graph the output lies where the next step will put its own.
        """
        begun, count = self.threads.begin(), tokens.shape[0]
        self._reserve(count)
        output = self._graphs.step(tokens, tree, self.cache) if self._graphs is not None else None
        if output is None:
            before, mask = self.cache.length, None
            positions = tree.depths + before
            # Guesses past the last position are never emitted: any position will do for them.
            if before + tree.max_depth >= self.context_tokens:
                positions = positions.clamp(max=self.context_tokens - 1)
            if count > 1 and self.device.type == "cpu":
                mask = self._masks.of(tree.mask, before)
            elif count > 1:
                # A GPU's kernels want masks that begin where sixteen bytes do.
                mask = mask_of(tree.mask, before, self._group, self._embeddings.dtype)
            output = self._layered(tokens, positions, mask, self.cache.places(count), count)
        self.threads.end(count, begun)
        return output

    @torch.inference_mode()
    def extend(self, tokens: Tensor, rows: int = 1) -> StepOutput:
        """Run and accept ``tokens`` [n]; the output has a row for each of the last ``rows``."""
        count, start = tokens.shape[0], self.cache.length
        extra = self._extra(count)
        whole = count + extra
        # What stands behind the tokens is seen by none of them, and is not accepted.
        tokens = functional.pad(tokens, (0, extra))
        positions = torch.arange(start, start + whole, device=self.device)
        causal = torch.ones(whole, whole, dtype=torch.bool, device=self.device).tril()
        self._reserve(whole)
        mask = None
        if whole > 1:
            mask = mask_of(causal, start, self._group, self._embeddings.dtype)
        output = self._layered(tokens, positions, mask, self.cache.places(whole), rows + extra)
        self.cache.keep(range(count))
        return StepOutput(output.hidden[:rows], output.logits[:rows])

    def _extra(self, count: int) -> int:
        """Return how many rows more ``count`` tokens are run in, so that there are few lengths.

        For every length that it meets oneDNN keeps a megabyte of code on a CPU.
        """
        extra = -count % _LENGTHS
        fits = self.cache.length + count + extra <= self.context_tokens
        return extra if self.device.type == "cpu" and count > _LENGTHS and fits else 0

    def compact(self, nodes: Sequence[int]) -> None:
        """Move the accepted nodes' keys and values next to the prefix."""
        self.cache.keep(nodes)

    def prepare(self, count: int) -> int:
        """Have room for a step of ``count`` nodes; return the window of the cache it runs in."""
        self._reserve(count)
        return self.cache.window(count)

    def truncate(self, length: int) -> None:
        """Forget all accepted tokens but the first ``length``."""
        self.cache.truncate(length)

    def _reserve(self, count: int) -> None:
        if self.cache.reserve(count):
            self.moves += 1
            self._rotary.reach(min(self.cache.allotted, self.context_tokens))
            if self._graphs is not None:
                self._graphs.forget()

    def run_windowed(self, inputs: StepInputs, window: int) -> StepOutput:
        """Run a step in ``window`` rows of the cache: shapes alone decide what is computed."""
        count = inputs.tokens.shape[0]
        mask = windowed_mask(
            inputs.sees, inputs.length, window, self._group, self._embeddings.dtype
        )
        rows = torch.arange(count, device=self.device) + inputs.length
        places = self.cache.windowed_places(rows, window)
        positions = (inputs.depths + inputs.length).clamp(max=self.context_tokens - 1)
        return self._layered(inputs.tokens, positions, mask, places, count)

    def _layered(
        self, tokens: Tensor, positions: Tensor, mask: Tensor | None, places: Places, rows: int
    ) -> StepOutput:
        with ready_kernels(self.device):
            return self._run(tokens, positions, mask, places, rows)

    def _run(
        self, tokens: Tensor, positions: Tensor, mask: Tensor | None, places: Places, rows: int
    ) -> StepOutput:
        cos, sin = self._rotary.at(positions)
        x = self._embeddings.index_select(0, tokens)
        count, turned = x.shape[0], self._query_heads + self._key_heads
        for index, layer in enumerate(self._layers):
            qkv = layer.qkv(layer.attention_norm(x)).view(count, -1, self._width)
            if layer.query_key_norm is not None:
                qkv[:, :turned] = layer.query_key_norm(qkv[:, :turned])
            rotate_(qkv[:, :turned], cos, sin)
            places.put(index, qkv[:, self._query_heads :].transpose(0, 1))
            queries = qkv[:, : self._query_heads]
            found = attend(queries, places.keys[index], places.values[index], mask, self._scale)
            x = layer.output(found).add_(x)
            gate, up = layer.gate_up(layer.mlp_norm(x)).chunk(2, -1)
            x += layer.down(functional.silu(gate).mul_(up))
        hidden = self._norm(x[-rows:])
        return StepOutput(hidden, self.output(hidden).float())


def _output_product(output: Any, embeddings: Tensor, *, spare: bool) -> Product:
    # Tied to the embeddings it is needed unpacked as well.
    tied = output.weight.data_ptr() == embeddings.data_ptr()
    return product_of([output], spare=spare and not tied)


@torch.no_grad()  # not inference_mode: the weights that are joined may still be trained
def lean_forward_for(
    model: Any, context_tokens: int, tree_room: int, *, spare: bool = False
) -> LeanForward | str:
    """Return a lean forward of ``model``, or the reason why the stock one has to run it.

    ``model`` computes the same as before, by weights that it shares with the lean forward. Before
    and after, a few logits are compared.
    """
    reason = unfitness(model, context_tokens)
    if reason is not None:
        return reason
    device = model.get_input_embeddings().weight.device
    vocabulary = model.get_output_embeddings().out_features
    ids = (torch.arange(1, _CHECK_TOKENS + 1, device=device) * 7919) % vocabulary
    try:
        expected = model(input_ids=ids[None], use_cache=False).logits[0].float()
        forward = LeanForward(model, context_tokens, tree_room, spare=spare)
        got = forward.extend(ids, rows=_CHECK_TOKENS).logits
    except torch.OutOfMemoryError:
        raise
    except RUN_ERRORS as error:
        unpack(model)
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"a first run failed ({words[:120]})"
    forward.truncate(0)
    error_of_norm = ((got - expected).norm() / expected.norm().clamp(min=1e-30)).item()
    quantized = getattr(model, "is_quantized", False)
    allowed = _QUANTIZED_TOLERANCE if quantized else _TOLERANCE[model.dtype]
    if is_float8(model):
        allowed = FLOAT8_TOLERANCE
    if error_of_norm <= allowed:
        return forward
    unpack(model)
    return f"its logits came out differently (relative error {error_of_norm:.2g})"
