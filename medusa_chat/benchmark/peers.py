"""transformers' own decoding, on the very model and the very tokens that the program decodes.

Its layers run as transformers has them: what the program has put in place of a linear layer is
taken out while a peer runs, and where that is not there any more, the model is loaded once more.
Peers are no part of the exactness check; where they decode greedily their tokens are compared all
the same.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from medusa_chat.benchmark.contestant import Messages, Sample
from medusa_chat.benchmark.peak_memory import PeakMemory
from medusa_chat.benchmark.stock_model import stock_layers
from medusa_chat.decoding.stats import Figures, StopReason
from medusa_chat.engine.local import Engine
from medusa_chat.errors import ContextFullError, MedusaChatError
from medusa_chat.settings import DecodeSettings

CacheKind = Literal["dynamic", "static"]

LOOKUP_TOKENS = 10
"""Of a match in the prompt, as transformers' own documentation has it."""
_TRIAL_TOKENS = 48
_TRIALS = 2
_STATIC_ROUNDING = 256


class PeerError(MedusaChatError):
    """Another program's decoding failed."""


class _Stopped(Exception):  # noqa: N818  # no error: the user has asked for it
    """Ctrl+C came while a peer answered."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the ways in which transformers can be told to decode."""

    cache: CacheKind
    threads: int | None
    """On a CPU; None where that makes no difference."""

    @property
    def words(self) -> str:
        """It in words."""
        compiled = " and compile" if self.cache == "static" and self.threads is None else ""
        threads = ""
        if self.threads is not None:
            threads = f", {self.threads} thread{'' if self.threads == 1 else 's'}"
        return f"{self.cache} cache{compiled}{threads}"


def variants(
    device: torch.device, usual_threads: int, *, lookup: bool, compiles: bool = True
) -> list[Variant]:
    """Return all ways to try; prompt lookup works with a dynamic cache alone.

    Without ``compiles`` there are none that compile the model first, which takes a minute.
    """
    threads: list[int | None] = [None]
    if device.type == "cpu":
        threads = list(dict.fromkeys([1, usual_threads]))
    caches: list[CacheKind] = ["dynamic"]
    if not lookup and (compiles or device.type == "cpu"):
        caches.append("static")
    return [Variant(cache, count) for cache in caches for count in threads]


class PeerContestant:
    """``generate`` of transformers, in the fastest of its variants; found out by the first prompt.

    ``stock`` returns the model as transformers has it. With ``lookup`` it is transformers'
    prompt-lookup decoding. Without ``compiles`` no variant is tried that has to be compiled.
    """

    is_peer = True
    drafts = False

    def __init__(
        self,
        engine: Engine,
        decode: DecodeSettings,
        stock: Callable[[], Any],
        *,
        lookup: bool,
        usual_threads: int,
        compiles: bool = True,
    ) -> None:
        self.name = "prompt-lookup" if lookup else "transformers"
        self.is_exact = decode.temperature == 0
        self.trials: dict[str, float] = {}
        """Tokens a second of each variant, over the beginning of the first prompt."""
        self.failures: dict[str, str] = {}
        """Why the variants that could not be run failed."""
        self._engine = engine
        self._decode = decode
        self._lookup = lookup
        device = engine.model.decoder.forward.device
        self._variants = variants(device, usual_threads, lookup=lookup, compiles=compiles)
        self._stock = stock
        self._best: Variant | None = None
        self._static_of: tuple[int, Any] | None = None

    @property
    def words(self) -> str:
        """The variant that won, once that is known."""
        return self._best.words if self._best is not None else "not run"

    def answer(self, messages: Messages, cancelled: Callable[[], bool]) -> Sample:
        """Answer the prompt; the first time, after trying all variants with it.

        Raises PeerError when transformers fails, ContextFullError for a prompt without room.
        """
        prompt = self._engine.encode(messages, self._decode)
        forward = self._engine.model.decoder.forward
        room = forward.context_tokens - len(prompt)
        if room < 1:
            raise ContextFullError(
                f"The prompt has {len(prompt)} tokens, which fills the model's context of "
                f"{forward.context_tokens}."
            )
        limit = min(self._decode.max_new_tokens, room)
        self._engine.forget()
        try:
            if self._best is None:
                self._best = self._fastest(prompt, limit, cancelled)
            return self._run(self._best, prompt, limit, cancelled)
        except _Stopped:
            return Sample((), "", Figures(), 0, "cancelled")
        except Exception as error:  # it may raise anything, and the others go on
            raise PeerError(f"{self.name} failed: {_reason(error)}") from error

    def _fastest(self, prompt: Sequence[int], limit: int, cancelled: Callable[[], bool]) -> Variant:
        speeds: dict[Variant, list[float]] = {variant: [] for variant in self._variants}
        if len(speeds) == 1:
            return self._variants[0]
        for trial in range(_TRIALS + 1):
            for variant in list(speeds):
                try:
                    sample = self._run(variant, prompt, limit, cancelled, is_trial=True)
                except _Stopped:
                    raise
                except Exception as error:  # another variant may run
                    self.failures[variant.words] = _reason(error)
                    del speeds[variant]
                    if not speeds:
                        raise
                    continue
                if trial:  # the first one warms up
                    speeds[variant].append(sample.figures.tokens_per_second or 0.0)
        self.trials = {one.words: statistics.median(found) for one, found in speeds.items()}
        return max(speeds, key=lambda one: self.trials[one.words])

    def _run(
        self,
        variant: Variant,
        prompt: Sequence[int],
        limit: int,
        cancelled: Callable[[], bool],
        *,
        is_trial: bool = False,
    ) -> Sample:
        model = self._engine.model
        device = model.decoder.forward.device
        base = self._stock()
        clock = _Clock(len(prompt), cancelled)
        options: dict[str, Any] = {}
        if self._lookup:
            options["prompt_lookup_num_tokens"] = LOOKUP_TOKENS
        cache = {}
        if variant.cache == "static":  # of a trial too: another size would be compiled anew
            cache["past_key_values"] = self._static_cache(len(prompt) + limit, device)
        # A trial is over a full number of tokens, wherever the reply would end.
        eos_ids = frozenset[int]() if is_trial else self._eos_ids()
        limit = min(limit, _TRIAL_TOKENS) if is_trial else limit
        config = self._config(limit, eos_ids, options)
        with stock_layers(base), _threads(variant.threads):
            peak = PeakMemory(device)
            clock.start()
            ids = torch.tensor([list(prompt)], device=device)
            whole: Tensor = base.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                generation_config=config,
                streamer=clock,
                **cache,
            )
            tokens = tuple(whole[0, len(prompt) :].tolist())
        return Sample(
            tokens=tokens,
            text=model.format.decode(list(tokens)),
            figures=clock.figures(len(prompt), len(tokens)),
            forward_steps=max(0, clock.calls - 1),
            stop_reason=_stop_reason(tokens, eos_ids, limit),
            peak_bytes=peak.bytes,
        )

    def _eos_ids(self) -> frozenset[int]:
        chat_format, decode = self._engine.model.format, self._decode
        if decode.ignore_eos:
            return frozenset()
        return chat_format.eos_ids if decode.raw else chat_format.turn_ids

    def _config(self, limit: int, eos_ids: frozenset[int], options: dict[str, Any]) -> Any:
        from transformers import GenerationConfig

        decode = self._decode
        greedy = decode.temperature == 0
        if not greedy:
            options |= {
                "temperature": decode.temperature,
                "top_k": decode.top_k,
                "top_p": decode.top_p,
            }
        config = GenerationConfig(
            max_new_tokens=limit,
            do_sample=not greedy,
            repetition_penalty=decode.repetition_penalty,
            eos_token_id=sorted(eos_ids) or None,
            pad_token_id=0,
            **options,
        )
        # What a configuration leaves out is taken from the model's own.
        self._stock().generation_config = config
        return config

    def _static_cache(self, tokens: int, device: torch.device) -> Any:
        """Return an empty cache for so many tokens; on CUDA one size, compiled once, for many."""
        from transformers import StaticCache

        config = self._stock().config
        if device.type == "cpu":
            return StaticCache(config=config, max_cache_len=tokens)
        size = -(-tokens // _STATIC_ROUNDING) * _STATIC_ROUNDING
        if self._static_of is None or self._static_of[0] < size:
            self._static_of = size, StaticCache(config=config, max_cache_len=size)
        self._static_of[1].reset()
        return self._static_of[1]


class _Clock:
    """Notes when tokens come, as a streamer of transformers."""

    def __init__(self, prompt_tokens: int, cancelled: Callable[[], bool]) -> None:
        self.calls = 0
        """Times that tokens came: once for prefill, then once a step."""
        self._prompt_is_due = prompt_tokens > 0
        self._cancelled = cancelled
        self._started = self._first = self._last = 0.0

    def start(self) -> None:
        self._started = time.perf_counter()

    def put(self, _tokens: Tensor) -> None:
        if self._cancelled():
            raise _Stopped
        if self._prompt_is_due:
            self._prompt_is_due = False
            return
        self.calls += 1
        self._last = time.perf_counter()
        if self.calls == 1:
            self._first = self._last

    def end(self) -> None:
        self._last = time.perf_counter()

    def figures(self, prompt_tokens: int, tokens: int) -> Figures:
        until_first = self._first - self._started
        return Figures(
            prompt_tokens=prompt_tokens,
            tokens=tokens,
            steps=self.calls,
            prefill_seconds=until_first,
            decode_seconds=self._last - self._first,
            first_token_seconds=until_first,
        )


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def _stop_reason(tokens: Sequence[int], eos_ids: frozenset[int], limit: int) -> StopReason | None:
    if tokens and tokens[-1] in eos_ids:
        return "eos"
    return "length" if len(tokens) >= limit else None


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        torch.set_num_threads(before)
