"""What matters on a CUDA device, in under eight minutes: part after part, each on its own.

A part that fails is named in one line and the next one begins; each has a time to end in, and when
all time has run out, the parts that are left are named as not measured.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from medusa_chat.benchmark import report as chat_report
from medusa_chat.benchmark import steps_suite
from medusa_chat.benchmark.bandwidth import copy_bandwidth
from medusa_chat.benchmark.cases import Case, read_cases
from medusa_chat.benchmark.chat_suite import ChatResult, run_chat
from medusa_chat.benchmark.machine import describe
from medusa_chat.benchmark.modes import parse_mode
from medusa_chat.benchmark.random_model import random_model
from medusa_chat.benchmark.report import machine_words
from medusa_chat.benchmark.settings import DEFAULT_MODES, Peer
from medusa_chat.benchmark.steps import SIZES
from medusa_chat.benchmark.table import Table
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import EngineError, ModelError
from medusa_chat.models.device import resolve_device
from medusa_chat.models.stages import Report
from medusa_chat.settings import (
    BUILTIN,
    MAX_TREE_SIZE,
    DecodeSettings,
    DType,
    ModelSettings,
    Quantization,
)

_BUILTIN_DTYPES: tuple[DType, ...] = ("float32", "bfloat16")
_LETTERS_A_TOKEN = 4
"""About, with the built-in tokenizer; what counts is that a prompt is long."""
_LARGE_MODES = ("plain", "dynamic:4", "dynamic:64")
_EAGER_REPEATS = 2
_PACKAGE = "medusa_chat"


@dataclass(frozen=True, slots=True)
class GpuPlan:
    """What is measured, and in how much time. The defaults are the suite's."""

    device: str = "cuda"
    shape: str = "zephyr-7b"
    precisions: tuple[tuple[DType, Quantization], ...] = (
        ("bfloat16", "none"),
        ("bfloat16", "4bit"),
        ("bfloat16", "fp8"),
        ("bfloat16", "8bit"),
    )
    """Of the large model; transformers' own decoding runs beside the first, at the end."""
    sizes: tuple[int, ...] = SIZES
    prefix_tokens: int = 1024
    new_tokens: int = 64
    repeats: int = 3
    prompts_per_category: int | None = 2
    """Of the built-in model's prompts."""
    budget_seconds: float = 440.0
    part_seconds: float = 60.0
    """For a part; what runs over is cut short, and says so."""
    peer_seconds: float = 240.0
    """For transformers' own decoding, which is compiled first."""
    compile_seconds: float = 90.0
    """That may take; once begun, it goes on to its end."""


@dataclass(frozen=True, slots=True)
class PartResult:
    """What one part brought: tables and an object, or why there is none or it means nothing."""

    title: str
    seconds: float = 0.0
    tables: tuple[Table, ...] = ()
    record: dict[str, Any] | None = None
    problem: str | None = None
    tokens_differ: bool = False
    """Whether tokens that had to be the same were not."""


@dataclass(frozen=True, slots=True)
class _Part:
    title: str
    run: Callable[[], PartResult]
    limit_seconds: float
    least_seconds: float = 0.0
    """It is not begun with less time left: what it begins with cannot be cut short."""


def check_device() -> None:
    """Raise ModelError where there is no CUDA device."""
    if not torch.cuda.is_available():
        raise ModelError(
            f"--suite gpu needs a CUDA device, and torch {torch.__version__} sees none. "
            "Without one, --suite chat and --suite steps measure the CPU."
        )


class GpuSuite:
    """The parts of a plan, run in order. ``cancelled`` ends it between two replies or steps."""

    def __init__(
        self,
        plan: GpuPlan,
        command: str,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        report: Report = lambda _words, _fraction: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._command = command
        self._cancelled = cancelled
        self._report = report
        self._clock = clock
        self._end = self._part_end = clock() + plan.budget_seconds
        self._engine = Engine()
        self._usual_threads = torch.get_num_threads()

    def titles(self) -> list[str]:
        """Return what the parts are called, in their order."""
        return [part.title for part in self._parts()]

    def run(self, first: int = 0) -> Iterator[PartResult]:
        """Yield what each part brought, from the number ``first`` on, those without figures too."""
        for part in islice(self._parts(), first, None):
            if self._cancelled() or self._clock() > self._end - part.least_seconds:
                why = "interrupted" if self._cancelled() else "no time was left"
                yield PartResult(part.title, problem=f"not measured: {why}")
                continue
            self._report(part.title, None)
            began = self._clock()
            self._part_end = min(self._end, began + part.limit_seconds)
            try:
                result = part.run()
            except Exception as error:  # noqa: BLE001  # the other parts go on
                result = PartResult(part.title, problem=_reason(error))
            yield replace(result, title=part.title, seconds=self._clock() - began)
        self._engine.let_go()

    def _parts(self) -> Iterator[_Part]:
        plan = self._plan
        usual = plan.part_seconds
        yield _Part("copy bandwidth", self._bandwidth, usual)
        for index, precision in enumerate(plan.precisions):
            name = large_name(plan, index)
            # The first part makes the model, the second one finds it.
            yield _Part(f"{name}: steps", partial(self._steps, *precision), usual)
            yield _Part(f"{name}: decoding", partial(self._decoding, *precision, name), usual)
        for dtype in _BUILTIN_DTYPES:
            yield _Part(f"built-in model, {dtype}", partial(self._builtin, dtype), usual)
        name = large_name(plan, 0)
        beside = partial(self._decoding, *plan.precisions[0], name, ("transformers",), ("plain",))
        yield _Part(
            f"{name}: transformers", beside, plan.peer_seconds, least_seconds=plan.compile_seconds
        )

    def _is_over(self) -> bool:
        return self._cancelled() or self._clock() > self._part_end

    def _bandwidth(self) -> PartResult:
        device = resolve_device(self._plan.device)
        speed = copy_bandwidth(device)
        return PartResult(
            "",
            tables=(Table("Machine", (), (), (machine_words(describe(device), speed),)),),
            record={"copy_bytes_per_second": speed},
        )

    def _make(self, dtype: DType, quantization: Quantization) -> None:
        """Have the engine hold the large model in this precision."""
        plan = self._plan
        wanted = ModelSettings(
            f"random {plan.shape}", quantization=quantization, dtype=dtype, device=plan.device
        )
        try:
            if self._engine.model.settings == wanted:
                return
        except EngineError:  # none yet
            pass
        self._engine.let_go()
        self._report(f"Making a random model of the shape of {plan.shape}", None)
        context = 2 * plan.prefix_tokens + plan.new_tokens + MAX_TREE_SIZE
        self._engine.adopt(random_model(plan.shape, wanted, context))

    def _steps(self, dtype: DType, quantization: Quantization) -> PartResult:
        self._make(dtype, quantization)
        forward = self._engine.model.decoder.forward
        assert isinstance(forward, LeanForward), "random_model makes no other"
        as_it_is = self._timed(self._plan.repeats)
        tables = steps_suite.tables(as_it_is)
        made = {"usual": steps_suite.record(as_it_is, self._command), "eager": None}
        if forward.graphs_in_use:
            with forward.eagerly():
                eager = self._timed(_EAGER_REPEATS)
                tables += steps_suite.tables(eager)
                made["eager"] = steps_suite.record(eager, self._command)
        problem = None if as_it_is.steps else "not measured: no time was left"
        for wrong in self._engine.model.notices:  # of no use however fast it is
            problem = f"wrong: {wrong}"
        return PartResult("", tables=tuple(tables), record=made, problem=problem)

    def _timed(self, repeats: int) -> steps_suite.StepsResult:
        plan = self._plan
        return steps_suite.run_steps(
            self._engine,
            plan.shape,
            prefix_tokens=plan.prefix_tokens,
            sizes=plan.sizes,
            repeats=repeats,
            cancelled=self._is_over,
            report=self._report,
        )

    def _decoding(
        self,
        dtype: DType,
        quantization: Quantization,
        name: str,
        peers: tuple[Peer, ...] = (),
        modes: tuple[str, ...] = _LARGE_MODES,
    ) -> PartResult:
        plan = self._plan
        self._make(dtype, quantization)
        # Long prompts, continued as they stand: a random model has nothing to say anyway, and what
        # it accepts means nothing either; what its steps cost does.
        text = "\n\n".join(turn.content for case in read_cases(None) for turn in case.turns)
        letters = min(plan.prefix_tokens * _LETTERS_A_TOKEN, len(text) // 2)
        cases = [
            Case(f"long-{index + 1}", "long", (ChatMessage("user", text[start:][:letters]),))
            for index, start in enumerate((0, len(text) - letters))
        ]
        decode = DecodeSettings(
            temperature=0, seed=0, max_new_tokens=plan.new_tokens, raw=True, ignore_eos=True
        )
        return self._of_chat(self._chat(name, cases, modes, peers, decode))

    def _builtin(self, dtype: DType) -> PartResult:
        plan = self._plan
        self._engine.load(ModelSettings(BUILTIN, device=plan.device, dtype=dtype), self._report)
        decode = DecodeSettings(temperature=0, seed=0, max_new_tokens=plan.new_tokens)
        cases = read_cases(None, plan.prompts_per_category)
        # Compiled, transformers would take all the time, and what is compared here are tokens.
        result = self._chat(
            BUILTIN, cases, DEFAULT_MODES, ("transformers",), decode, compiles=False
        )
        return self._of_chat(result)

    def _chat(
        self,
        name: str,
        cases: list[Case],
        modes: tuple[str, ...],
        peers: tuple[Peer, ...],
        decode: DecodeSettings,
        *,
        compiles: bool = True,
    ) -> ChatResult:
        return run_chat(
            self._engine,
            name,
            cases,
            [parse_mode(mode, decode) for mode in modes],
            peers,
            decode,
            repeats=self._plan.repeats,
            usual_threads=self._usual_threads,
            cancelled=self._is_over,
            report=self._report,
            compiles=compiles,
        )

    def _of_chat(self, result: ChatResult) -> PartResult:
        return PartResult(
            "",
            tables=tuple(chat_report.tables(result)),
            record=chat_report.record(result, self._command),
            problem=None if result.measurement.items else "not measured: no time was left",
            tokens_differ=bool(result.broken),
        )


def large_name(plan: GpuPlan, index: int) -> str:
    """Return what the large model is called in the precision of this index."""
    dtype, quantization = plan.precisions[index]
    return f"{plan.shape}, {dtype if quantization == 'none' else quantization}"


def overview(results: list[PartResult]) -> Table:
    """Return what came of every part."""
    rows = tuple((one.title, f"{one.seconds:.0f}", one.problem or "measured") for one in results)
    return Table("Parts", ("part", "seconds", "how"), rows)


def record(results: list[PartResult], command: str) -> dict[str, Any]:
    """Return all parts as one JSON object."""
    return {
        "suite": "gpu",
        "command": command,
        "parts": [
            {
                "title": one.title,
                "seconds": one.seconds,
                "problem": one.problem,
                "tokens_differ": one.tokens_differ,
                "result": one.record,
            }
            for one in results
        ],
    }


def _reason(error: BaseException) -> str:
    """Return what went wrong, and in which line of the program."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _PACKAGE in Path(frame.filename).parts]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    words = " ".join(str(error).split()) or type(error).__name__
    return f"failed: {words[:200]}{where}"
