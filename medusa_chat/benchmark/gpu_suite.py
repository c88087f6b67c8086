"""What matters on a CUDA device, in under eight minutes: part after part, each on its own.

A part that fails is named and the next one begins; when time runs out, the parts that are left are
named as not measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from medusa_chat.benchmark import report as chat_report
from medusa_chat.benchmark import steps_suite
from medusa_chat.benchmark.cases import Case, read_cases
from medusa_chat.benchmark.chat_suite import ChatResult, run_chat
from medusa_chat.benchmark.modes import parse_mode
from medusa_chat.benchmark.random_model import random_model
from medusa_chat.benchmark.settings import DEFAULT_MODES, Peer
from medusa_chat.benchmark.table import Table
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import ModelError
from medusa_chat.models.memory_growth import release_memory
from medusa_chat.models.stages import Report
from medusa_chat.settings import BUILTIN, DecodeSettings, DType, ModelSettings, Quantization

_BUILTIN_DTYPES: tuple[DType, ...] = ("float32", "bfloat16")
_LETTERS_A_TOKEN = 4
"""About, with the built-in tokenizer; what counts is that a prompt is long."""


@dataclass(frozen=True, slots=True)
class GpuPlan:
    """What is measured, and in how much time. The defaults are the suite's."""

    device: str = "cuda"
    shape: str = "zephyr-7b"
    precisions: tuple[tuple[DType, Quantization], ...] = (
        ("bfloat16", "none"),
        ("bfloat16", "4bit"),
        ("bfloat16", "8bit"),
    )
    """Of the large model; transformers' own decoding runs beside the first."""
    prefix_tokens: int = 1024
    new_tokens: int = 64
    repeats: int = 3
    prompts_per_category: int | None = 2
    """Of the built-in model's prompts."""
    budget_seconds: float = 460.0


@dataclass(frozen=True, slots=True)
class PartResult:
    """What one part brought: tables and an object, or why there is none."""

    title: str
    seconds: float
    tables: tuple[Table, ...] = ()
    record: dict[str, Any] | None = None
    problem: str | None = None
    tokens_differ: bool = False
    """Whether tokens that had to be the same were not."""


@dataclass(frozen=True, slots=True)
class _Part:
    title: str
    run: Callable[[], PartResult]


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
        self._started = clock()
        self._engine = Engine()
        self._usual_threads = torch.get_num_threads()

    def run(self) -> Iterator[PartResult]:
        """Yield what each part brought, the parts that came to nothing too."""
        plan = self._plan
        builtin = ModelSettings(BUILTIN, device=plan.device)
        yield from self._parts(
            _Part(f"built-in model, {dtype}", partial(self._builtin, builtin, dtype))
            for dtype in _BUILTIN_DTYPES
        )
        large = [f"{plan.shape}, {_words(*precision)}" for precision in plan.precisions]
        if self._is_over:
            yield from self._parts(_Part(title, _nothing) for title in large)
            return
        self._report(f"Making a random model of the shape of {plan.shape}", None)
        try:
            with random_model(plan.shape, builtin) as settings:
                release_memory()
                for index, (dtype, quantization) in enumerate(plan.precisions):
                    one = replace(settings, dtype=dtype, quantization=quantization)
                    peers: tuple[Peer, ...] = () if index else ("transformers",)
                    name = large[index]
                    yield from self._parts(
                        [
                            _Part(f"{name}: steps", partial(self._steps, one)),
                            _Part(f"{name}: decoding", partial(self._decoding, name, peers)),
                        ]
                    )
        except (ModelError, RuntimeError) as error:  # no room for it, on the disk or the device
            yield PartResult(plan.shape, 0.0, problem=_reason(error))

    @property
    def _is_over(self) -> bool:
        return self._cancelled() or self._clock() - self._started > self._plan.budget_seconds

    def _parts(self, parts: Iterable[_Part]) -> Iterator[PartResult]:
        for part in parts:
            if self._is_over:
                why = "interrupted" if self._cancelled() else "no time was left"
                yield PartResult(part.title, 0.0, problem=f"not measured: {why}")
                continue
            self._report(part.title, None)
            began = self._clock()
            try:
                result = part.run()
            except Exception as error:  # noqa: BLE001  # the other parts go on
                result = PartResult(part.title, 0.0, problem=_reason(error))
            yield replace(result, title=part.title, seconds=self._clock() - began)

    def _builtin(self, settings: ModelSettings, dtype: DType) -> PartResult:
        plan = self._plan
        self._engine.load(replace(settings, dtype=dtype), self._report)
        decode = DecodeSettings(temperature=0, seed=0, max_new_tokens=plan.new_tokens)
        cases = read_cases(None, plan.prompts_per_category)
        result = self._chat(BUILTIN, cases, DEFAULT_MODES, ("transformers",), decode)
        return self._of_chat(result)

    def _steps(self, settings: ModelSettings) -> PartResult:
        plan = self._plan
        self._engine.load(settings, self._report)
        result = steps_suite.run_steps(
            self._engine,
            plan.shape,
            prefix_tokens=plan.prefix_tokens,
            repeats=plan.repeats,
            cancelled=lambda: self._is_over,
            report=self._report,
        )
        return PartResult(
            "",
            0.0,
            tables=tuple(steps_suite.tables(result)),
            record=steps_suite.record(result, self._command),
        )

    def _decoding(self, name: str, peers: tuple[Peer, ...]) -> PartResult:
        plan = self._plan
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
        return self._of_chat(self._chat(name, cases, ("plain", "dynamic"), peers, decode))

    def _chat(
        self,
        name: str,
        cases: list[Case],
        modes: tuple[str, ...],
        peers: tuple[Peer, ...],
        decode: DecodeSettings,
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
            cancelled=lambda: self._is_over,
            report=self._report,
        )

    def _of_chat(self, result: ChatResult) -> PartResult:
        return PartResult(
            "",
            0.0,
            tables=tuple(chat_report.tables(result)),
            record=chat_report.record(result, self._command),
            problem=None if result.measurement.items else "not measured: no time was left",
            tokens_differ=bool(result.broken),
        )


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


def _words(dtype: DType, quantization: Quantization) -> str:
    return dtype if quantization == "none" else quantization


def _reason(error: BaseException) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return f"failed: {words[:200]}"


def _nothing() -> PartResult:
    raise AssertionError("a part without time is not run")
