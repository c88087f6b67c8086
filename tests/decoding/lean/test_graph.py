"""Steps by graphs, with the capture alone replaced: it runs again what it has recorded."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.torch_version import TorchVersion

from medusa_chat.decoding.decoder import Decoder
from medusa_chat.decoding.lean import graph, weights
from medusa_chat.decoding.lean.attention import attend
from medusa_chat.decoding.lean.fitness import graph_obstacle
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.lean.fp8 import Fp8Linear
from medusa_chat.decoding.lean.graph import StepGraphs, StepInputs
from medusa_chat.decoding.tree import Tree

from ..driving import SHAPES, no_text, reply, stock_forward
from ..random_models import VOCABULARY, OracleHeads, generated, random_model
from .lean_models import FAMILY, lean

PROMPT = (9, 2, 60, 31, 7)
TREE = Tree.from_paths([[0], [1], [0, 0], [0, 1], [1, 0], [0, 1, 0]])


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Replace the capture; return what was captured."""
    recorded: list[Callable[[], None]] = []

    def capture(record: Callable[[], None], pool: object) -> Callable[[], None]:
        record()
        recorded.append(record)
        return record

    monkeypatch.setattr(graph, "capture", capture)
    return recorded


def graphed(architecture: str) -> LeanForward:
    forward = lean(copy.deepcopy(random_model(architecture)))
    forward._graphs = StepGraphs(forward.run_windowed, forward.device)
    return forward


@pytest.mark.parametrize("architecture", FAMILY)
def test_replies_are_transformers_generate(
    architecture: str, captures: list[Callable[[], None]]
) -> None:
    """Through two growths of the cache, and back to a short text in a large one."""
    forward = graphed(architecture)
    for length, tokens in ((240, 300), (5, 30)):
        prompt = tuple(n * 7919 % VOCABULARY for n in range(1, length + 1))
        expected = generated(random_model(architecture), prompt, tokens)
        decoder = Decoder(forward, OracleHeads(forward, [*prompt, *expected]), no_text)
        decoding = reply(decoder, prompt, SHAPES["dynamic-16"], tokens=tokens)
        assert decoding.output.token_ids == expected
    # One for each window of the growing cache, and one for a small window of the large cache.
    assert len(captures) == 4
    assert forward.graphs_in_use


def test_a_size_and_a_window_have_one_graph(captures: list[Callable[[], None]]) -> None:
    forward, stock = graphed("llama"), stock_forward(random_model("llama"), 512)
    stock.truncate(0)
    for one in (forward, stock):
        one.extend(torch.arange(60))
    for _ in range(3):
        for tokens, tree in ((torch.arange(7), TREE), (torch.tensor([3]), Tree.root())):
            outputs = [one.step(tokens, tree) for one in (forward, stock)]
            torch.testing.assert_close(outputs[0].logits, outputs[1].logits, rtol=1e-4, atol=1e-3)
            for one in (forward, stock):
                one.compact([0, 2] if tree.size > 2 else [0])
    assert len(captures) == 2


def test_a_capture_that_fails_leaves_the_eager_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def capture(record: Callable[[], None], pool: object) -> Callable[[], None]:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    forward = graphed("llama")
    forward.extend(torch.arange(60))
    monkeypatch.setattr(graph, "capture", capture)
    before = forward.step(torch.arange(7), TREE).logits
    assert not forward.graphs_in_use
    assert forward._graphs is not None
    assert forward._graphs.failure == "operation not permitted when stream is capturing"
    forward._graphs = None
    assert torch.equal(forward.step(torch.arange(7), TREE).logits, before)


@pytest.mark.parametrize(
    "streams", [["own"], ["own", "own", "side"]], ids=["warming up", "capturing"]
)
def test_a_capture_that_fails_leaves_the_stream_and_the_first_reason(
    streams: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As torch does it: ending a capture that has failed raises too, and puts no stream back."""
    own, side = Stream("own"), Stream("side")
    current = [own]

    @contextmanager
    def graph_of(_graph: object, *, stream: Stream, **_options: object) -> Iterator[None]:
        current.append(stream)
        try:
            yield
        finally:
            raise RuntimeError("CUDA error: operation failed due to a previous error")

    for name, replaced in {
        "device": nullcontext,
        "Stream": lambda _device: side,
        "current_stream": lambda: current[-1],
        "set_stream": current.append,
        "stream": nullcontext,
        "CUDAGraph": object,
        "graph": graph_of,
    }.items():
        monkeypatch.setattr(torch.cuda, name, replaced)
    calls: list[str] = []

    def record() -> None:
        calls.append(current[-1].name)
        if len(calls) == len(streams):
            raise RuntimeError("operation not permitted when stream is capturing\nand more")

    pool = graph.SharedPool(torch.device("cpu"))
    monkeypatch.setattr(pool, "abandon_capture", lambda: calls.append("abandoned"))
    graph._side_stream.cache_clear()
    with pytest.raises(RuntimeError) as caught:
        graph.capture(record, pool)
    graph._side_stream.cache_clear()
    assert graph.failure_of(caught.value) == "operation not permitted when stream is capturing"
    assert calls == [*streams, "abandoned"]
    assert current[-1] is own
    # What a warm-up left behind does not run beside the eager steps that follow.
    assert own.waited_for == ["side"]


class Stream:
    """One that has nothing to do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waited_for: list[str] = []

    def wait_stream(self, stream: Stream) -> None:
        """Take note of whom it would wait for."""
        self.waited_for.append(stream.name)


@pytest.mark.parametrize("is_told", [False, True])
def test_the_allocator_is_told_of_a_capture_that_failed(
    is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: what torch itself has ended is not released a second time, under other graphs."""
    told: list[tuple[str, int, tuple[int, int]]] = []

    def end(device: int, handle: tuple[int, int]) -> None:
        if is_told:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        told.append(("end", device, handle))

    def release(device: int, handle: tuple[int, int]) -> None:
        told.append(("release", device, handle))

    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    handles = iter([(0, 7), (0, 8)])
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: next(handles))
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", end, raising=False)
    monkeypatch.setattr(torch._C, "_cuda_releasePool", release, raising=False)
    pool = graph.SharedPool(torch.device("cuda"))
    pool.abandon_capture()  # it failed before it was given any memory
    assert told == []
    assert pool.handle == (0, 7)
    pool.abandon_capture()
    assert told == ([] if is_told else [("end", 3, (0, 7)), ("release", 3, (0, 7))])
    assert pool.handle == (0, 8)


def test_masks_of_a_gpu_begin_where_memory_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kernels refuse others, or read past them, where steps are not graphs."""
    forward = lean(copy.deepcopy(random_model("llama")))
    forward.extend(torch.arange(61))
    expected = forward.step(torch.arange(7), TREE).logits
    seen: list[torch.Tensor | None] = []

    def attend_noting(*given: Any) -> torch.Tensor:
        seen.append(given[3])
        return attend(*given)

    monkeypatch.setattr("medusa_chat.decoding.lean.forward.attend", attend_noting)
    forward.device = torch.device("cuda")
    assert torch.equal(forward.step(torch.arange(7), TREE).logits, expected)
    assert seen
    assert all(mask is not None and mask.storage_offset() == 0 for mask in seen)


def test_nothing_is_read_back_by_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors without values stand for a device: reading one raises."""
    monkeypatch.setattr(weights, "packs", lambda _dtype: False)
    forward = lean(copy.deepcopy(random_model("qwen3")))
    forward.extend(torch.arange(20))
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        inputs = StepInputs.of(7, torch.device("cpu"))
        output = forward.run_windowed(inputs, 256)
        assert output.logits.shape == (7, VOCABULARY)
        with pytest.raises(Exception, match="_local_scalar_dense"):
            output.logits.argmax().item()


def test_obstacles() -> None:
    model = copy.deepcopy(random_model("llama"))
    assert graph_obstacle(model) == "the model is on cpu"
    assert not lean(model).graphs_in_use


def test_outliers_are_an_obstacle() -> None:
    class Linear8bitLt(torch.nn.Module):
        def __init__(self, threshold: float) -> None:
            super().__init__()
            self.state = SimpleNamespace(threshold=0.0, use_pool=threshold > 0)

    class Model(torch.nn.Module):
        def __init__(self, threshold: float) -> None:
            super().__init__()
            self.layer = Linear8bitLt(threshold)

        def get_input_embeddings(self) -> SimpleNamespace:
            return SimpleNamespace(weight=SimpleNamespace(device=torch.device("cuda", 0)))

    assert graph_obstacle(Model(0.0)) is None
    assert "8-bit layers" in (graph_obstacle(Model(6.0)) or "")


@pytest.mark.parametrize(
    ("capability", "version", "is_obstacle"),
    [((8, 9), "2.11.0", True), ((8, 9), "2.12.0", False), ((9, 0), "2.11.0", False)],
)
def test_products_of_float8_that_leave_the_stream_are_an_obstacle(
    capability: tuple[int, int], version: str, is_obstacle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = Fp8Linear(64, 64, bias=False)

        def get_input_embeddings(self) -> SimpleNamespace:
            return SimpleNamespace(weight=SimpleNamespace(device=torch.device("cuda", 0)))

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    monkeypatch.setattr(torch, "__version__", TorchVersion(version))
    assert ("float8" in (graph_obstacle(Model()) or "")) == is_obstacle


@pytest.mark.gpu
def test_on_a_gpu_graphs_give_what_eager_steps_give() -> None:
    model = copy.deepcopy(random_model("llama")).to("cuda")
    forward = lean(model)
    assert forward.graphs_in_use
    device = torch.device("cuda")
    tree = TREE.to(device)
    for length in (60, 200):
        forward.truncate(0)
        forward.extend(torch.arange(length, device=device) % VOCABULARY)
        tokens = torch.arange(7, device=device)
        once = forward.step(tokens, tree).logits.clone()
        again = forward.step(tokens, tree).logits.clone()
        with forward.eagerly():
            eager = forward.step(tokens, tree).logits.clone()
        assert forward.graphs_in_use
        torch.testing.assert_close(once, again)
        torch.testing.assert_close(once, eager, rtol=1e-3, atol=1e-2)


@pytest.mark.gpu
def test_on_a_gpu_a_capture_that_fails_leaves_others_possible() -> None:
    device = torch.device("cuda", 0)
    numbers, total = torch.ones(4, device=device), torch.zeros((), device=device)
    pool, runs = graph.SharedPool(device), []

    def reads_in_the_third_run() -> None:
        runs.append(torch.add(numbers, 1).sum())
        if len(runs) == 3:
            runs[-1].item()

    def adds() -> None:
        total.add_(torch.mul(numbers, 2).sum())

    with pytest.raises(RuntimeError):
        graph.capture(reads_in_the_third_run, pool)
    assert not torch.cuda.is_current_stream_capturing()
    runs.clear()
    torch.cuda.empty_cache()
    replay = graph.capture(adds, pool)
    total.zero_()
    replay()
    replay()
    assert total.item() == 16
