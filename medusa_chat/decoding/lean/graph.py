"""A step as one CUDA graph for each size of a tree and window of the cache.

Launching the kernels of 32 layers one by one costs the host some three milliseconds, as much as the
device takes to read a model of seven billion weights. A graph launches them all at once; its shapes
and addresses are fixed, so what differs between steps is copied to where the graph looks for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from medusa_chat.decoding.lean.cache import LeanCache
from medusa_chat.decoding.step import StepOutput
from medusa_chat.decoding.tree import Tree

_WARM_UPS = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What differs between the replays of a graph.

    ``tokens`` [n], ``depths`` [n], ``sees`` [n, n] and the number of accepted rows ``length`` [].
    """

    tokens: Tensor
    depths: Tensor
    sees: Tensor
    length: Tensor

    @classmethod
    def of(cls, count: int, device: torch.device) -> StepInputs:
        """Return places for a step of ``count`` nodes."""
        tokens, depths = torch.zeros(2, count, dtype=torch.long, device=device).unbind()
        sees = torch.eye(count, dtype=torch.bool, device=device)
        return cls(tokens, depths, sees, torch.zeros((), dtype=torch.long, device=device))

    def fill(self, tokens: Tensor, tree: Tree, length: int) -> None:
        """Put a step where the graph looks for it."""
        self.tokens.copy_(tokens)
        self.depths.copy_(tree.depths)
        self.sees.copy_(tree.mask)
        self.length.fill_(length)


def capture(record: Callable[[], None], pool: SharedPool) -> Callable[[], None]:
    """Run ``record`` and return what repeats it on the device: the one call that needs a GPU.

    ``pool`` is memory that graphs share: they never run at the same time.
    """
    with torch.cuda.device(pool.device):
        stream, before = _side_stream(pool.device), torch.cuda.current_stream()
        stream.wait_stream(before)
        try:
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UPS):  # kernels are chosen and workspaces made beforehand
                    record()
            graph = torch.cuda.CUDAGraph()
            # What other threads ask of the device, as how full it is, does not disturb the capture.
            with torch.cuda.graph(
                graph, pool=pool.handle, stream=stream, capture_error_mode="thread_local"
            ):
                record()
        except BaseException:
            pool.abandon_capture()
            raise
        finally:
            # A capture that fails leaves its own stream as the current one, and a warm-up that
            # fails leaves work on it, which must not go on beside what comes now.
            torch.cuda.set_stream(before)
            before.wait_stream(stream)
    return graph.replay


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the one on which all graphs are warmed up and captured.

    cuBLAS has a workspace for each stream, 32 MiB on Hopper, and lets go of none.
    """
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def failure_of(error: BaseException) -> str:
    """Return in a line why a capture failed: what came first, for ending it fails as well."""
    while error.__context__ is not None:
        error = error.__context__
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


class SharedPool:
    """Memory of graphs that never run at the same time."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._handle: Any = None

    @property
    def handle(self) -> Any:
        """What a capture takes its memory from."""
        if self._handle is None and self.device.type == "cuda":
            self._handle = torch.cuda.graph_pool_handle()
        return self._handle

    def abandon_capture(self) -> None:
        """Have the allocator know that a capture has failed, on the device that is current.

        Before torch 2.12 nobody tells it. To it that capture would go on for ever, so that it
        neither tidies up, with which the next capture begins, nor ever lets go of this memory.
        Later captures have other memory: it refuses what no graph is left in.
        """
        handle, self._handle = self._handle, None
        if handle is None:
            return
        device = torch.cuda.current_device()
        with suppress(RuntimeError):  # none is under way: it failed before it began, or is ended
            torch._C._cuda_endAllocateToPool(device, handle)
            torch._C._cuda_releasePool(device, handle)

    def renew(self) -> None:
        """Begin with no memory: the graphs that had some are gone."""
        self._handle = None


class _StepGraph:
    """A graph and what goes into it and comes out."""

    def __init__(
        self, run: Callable[[StepInputs], StepOutput], inputs: StepInputs, pool: SharedPool
    ) -> None:
        self.inputs = inputs
        self.output: StepOutput | None = None

        def record() -> None:
            self.output = run(inputs)

        self.replay = capture(record, pool)


class StepGraphs:
    """The graphs of a model, each made when it is first needed.

    ``run(inputs, window)`` computes a step by tensor operations of fixed shape. Where a capture
    fails, ``failure`` says why, and steps are run one operation at a time from then on.
    """

    def __init__(self, run: Callable[[StepInputs, int], StepOutput], device: torch.device) -> None:
        self.failure: str | None = None
        self._run = run
        self._graphs: dict[tuple[int, int], _StepGraph] = {}
        self._pool = SharedPool(device)

    def step(self, tokens: Tensor, tree: Tree, cache: LeanCache) -> StepOutput | None:
        """Return the output of a step, which the next one overwrites; None where graphs fail."""
        if self.failure is not None:
            return None
        key = tokens.shape[0], cache.window(tokens.shape[0])
        graph = self._graphs.get(key)
        if graph is None:
            graph = self._captured(*key, tokens, tree, cache.length)
            if graph is None:
                return None
        graph.inputs.fill(tokens, tree, cache.length)
        graph.replay()
        return graph.output

    def forget(self) -> None:
        """Let go of all graphs: the memory that they read and write has moved."""
        self._graphs.clear()
        self._pool.renew()

    def _captured(
        self, count: int, window: int, tokens: Tensor, tree: Tree, length: int
    ) -> _StepGraph | None:
        inputs = StepInputs.of(count, tokens.device)
        inputs.fill(tokens, tree, length)
        try:
            graph = _StepGraph(lambda given: self._run(given, window), inputs, self._pool)
        except RuntimeError as error:
            self.failure = failure_of(error)
            _log.warning("No CUDA graphs: a capture failed (%s).", self.failure)
            self.forget()
            return None
        self._graphs[count, window] = graph
        return graph
