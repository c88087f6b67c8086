"""What a recorded step does and does not: it reads no value, and all that it uses lives on."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from medusa_chat.decoding.acceptance import Typical
from medusa_chat.decoding.adaptive_tree import StepShape
from medusa_chat.decoding.decoder import Decoder, Decoding, Request
from medusa_chat.decoding.lean import graph
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.reply_output import Ending

from .driving import CPU, GREEDY
from .graphed import ALL, PROMPT, WARM, Captures, decoders, forwards
from .random_models import HEADS, VOCABULARY

_READS = ("item", "tolist", "numpy", "nonzero", "cpu", "__bool__", "__int__", "__float__")
_FORBIDDEN = (
    "_local_scalar_dense",
    "nonzero",
    "lift_fresh",
    "masked_select",
    "unique",
    "is_nonzero",
)


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations of a step, and refuses those that would make the host wait."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        name = str(function)
        assert not any(one in name for one in _FORBIDDEN), name
        if name.startswith(("aten.index.", "aten.index_put")):  # how many are true takes a look
            assert all(one is None or one.dtype != torch.bool for one in arguments[1])
        if "resolve" not in name:  # what reading a tensor of the host comes with
            self.names.append(name)
        return function(*arguments, **(options or {}))


def a_step(shape: StepShape, **how: Any) -> tuple[Decoder, Decoding]:
    """Return a decoder that has recorded ``shape``, in the midst of a reply of such steps."""
    made = decoders()[0]
    sampling = how.pop("sampling", GREEDY)
    decoding = made.start(PROMPT, Request(shape, sampling, Ending(max_new_tokens=100), **how))
    run = decoding.run()
    for _ in range(4):
        next(run)
    return made, decoding


HOWS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "drawn": {"sampling": WARM[0]},
    "typical": {"sampling": WARM[1], "typical": Typical(0.8, 0.09, 0.3)},
}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", ALL)
def test_a_recorded_step_reads_and_makes_no_value_on_the_host(
    shape: str, how: str, captures: Captures, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_step(ALL[shape], **HOWS[how])
    (record,) = captures.records

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the host reads a value of the device")

    with torch.inference_mode(), Operations(), monkeypatch.context() as patched:
        for name in _READS:
            patched.setattr(torch.Tensor, name, refuse)
        for name in ("tensor", "as_tensor", "from_numpy"):
            patched.setattr(torch, name, refuse)
        record()


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", ["root", "dynamic-64", "all", "bigram"])
def test_a_step_is_one_copy_up_a_launch_and_one_copy_down(
    shape: str, how: str, captures: Captures
) -> None:
    decoder, decoding = a_step(ALL[shape], **HOWS[how])
    steps = decoder.whole_steps()
    assert steps is not None
    (whole,) = steps._graphs.values()
    launches: list[int] = []
    operations = Operations()
    # The copies alone go through torch; neither is given work that the graph could have done.
    whole.replay = lambda: launches.append(len(operations.names))
    with operations:
        decoding._stepper.advance(ALL[shape])
    assert launches == [1]
    assert operations.names == ["aten.copy_.default"] * 2


def test_places_stay_where_they_are(captures: Captures) -> None:
    decoder, decoding = a_step(ALL["all"])
    steps = decoder.whole_steps()
    assert steps is not None
    (whole,) = steps._graphs.values()
    table, cache = decoder.history.table, forwards("llama")[0].cache

    def places() -> list[tuple[int, torch.Size]]:
        fixed = (steps.hidden, whole.outcome, steps._given._device, cache.rows)
        learnt = (table.ids, table.lifts, table.tokens, table.latest)
        return [(tensor.data_ptr(), tensor.shape) for tensor in (*fixed, *learnt)]

    before = places()
    for _ in range(8):
        decoding._stepper.advance(ALL["all"])
    assert places() == before
    assert len(captures.records) == 1


class Recording(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down each operation with all that a graph holds on to: numbers, shapes, places."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lines: list[tuple[Any, ...]] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        leaves = tree_leaves((arguments, options or {}))
        self.lines.append((str(function), *map(_written, leaves)))
        return function(*arguments, **(options or {}))


def _written(leaf: Any) -> Any:
    if not isinstance(leaf, torch.Tensor):
        return leaf
    if leaf.is_mkldnn:
        return leaf.shape
    return leaf.shape, leaf.stride(), leaf.storage_offset(), leaf.dtype


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", ALL)
def test_a_recorded_step_is_the_same_at_every_step_and_reply(
    shape: str, how: str, captures: Captures
) -> None:
    """A graph goes on with the numbers that it was recorded with: none may be of one step alone."""
    decoder, decoding = a_step(ALL[shape], **HOWS[how])
    (record,) = captures.records

    def written() -> list[tuple[Any, ...]]:
        recording = Recording()
        with torch.inference_mode(), recording:
            record()
        return recording.lines

    first = written()
    assert len(first) > 50
    for _ in range(6):
        decoding._stepper.advance(ALL[shape])
    assert written() == first
    options = dict(HOWS[how])
    sampling = options.pop("sampling", GREEDY)
    request = Request(ALL[shape], sampling, Ending(max_new_tokens=9), seed=77, **options)
    for _ in decoder.start((*PROMPT[:3], 8, 50), request).run():
        pass
    assert written() == first
    assert len(captures.records) == 1


class Outsiders(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the memory that operations use and have not made: a graph only knows its address."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made: set[int] = set()
        self.kept: list[torch.Tensor] = []  # nothing is made twice at one address
        self.used: dict[int, StorageWeakRef] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        for tensor in tree_leaves((arguments, options or {})):
            if isinstance(tensor, torch.Tensor) and not tensor.is_mkldnn:
                storage = tensor.untyped_storage()
                if storage._cdata not in self.made:
                    self.used[storage._cdata] = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
        outcome = function(*arguments, **(options or {}))
        for tensor in tree_leaves(outcome):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.used:
                    self.made.add(storage._cdata)
                    self.kept.append(tensor)
        return outcome


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", ALL)
def test_what_a_graph_uses_outlives_the_recording(
    shape: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real graph keeps addresses, and nothing of what is recorded alive."""
    outsiders = Outsiders()

    def capture(record: Callable[[], None], pool: object) -> Callable[[], None]:
        record()
        with outsiders:
            record()
        return lambda: None

    monkeypatch.setattr(graph, "capture", capture)
    decoder = decoders()[0]
    sampling = HOWS[how].get("sampling", GREEDY)
    request = Request(ALL[shape], sampling, Ending(), typical=HOWS[how].get("typical"))
    run = decoder.start(PROMPT, request).run()
    for _ in range(2):
        next(run)
    del run
    outsiders.kept.clear()
    gc.collect()
    assert len(outsiders.used) > 10
    assert decoder.forward.whole_step_obstacle is None  # type: ignore[attr-defined]
    for memory in outsiders.used.values():
        assert not memory.expired()  # type: ignore[no-untyped-call]


_VIEWS = {"view", "slice", "select", "split", "unbind", "expand", "unsqueeze", "squeeze"} | {
    "t",
    "transpose",
    "permute",
    "alias",
    "flatten",
    "reshape",
    "chunk",
    "_unsafe_view",
}


@pytest.mark.parametrize(("how", "most"), [("greedy", 350), ("drawn", 570)])
def test_a_large_tree_takes_few_operations(
    how: str, most: int, captures: Captures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a kernel of a microsecond or two: those of the forward pass and heads apart."""
    shape = MixedTree(64, 7, HEADS, VOCABULARY, CPU)
    a_step(shape, **HOWS[how])
    operations = Operations()
    run_windowed = LeanForward.run_windowed

    def uncounted(*arguments: Any) -> Any:
        before = len(operations.names)
        output = run_windowed(*arguments)
        del operations.names[before:]
        return output

    monkeypatch.setattr(LeanForward, "run_windowed", uncounted)
    with torch.inference_mode(), operations:
        captures.records[0]()
    kernels = [name for name in operations.names if name.split(".")[1] not in _VIEWS]
    assert 100 < len(kernels) < most
