"""Contestants that say what they are told to, and samples with figures that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from command_line import HEADS

from medusa_chat.benchmark.contestant import Messages, Sample
from medusa_chat.decoding.stats import Figures
from medusa_chat.engine.local import Engine
from medusa_chat.settings import DecodeSettings, ModelSettings

GREEDY = DecodeSettings(temperature=0, seed=0, max_new_tokens=12, ignore_eos=True)


@cache
def engine() -> Engine:
    """Return an engine with the golden model; what it has cached does not matter."""
    loaded = Engine()
    loaded.load(ModelSettings(HEADS), lambda _stage, _fraction: None)
    return loaded


def engine_with_heads(count: int) -> Engine:
    """Return an engine with the golden model, of whose heads the first ``count`` guess."""
    fewer = Engine()
    fewer.adopt(replace(engine().model, heads=count))
    return fewer


def sample(
    tokens: Sequence[int] = (1, 2, 3),
    *,
    seconds: float = 1.0,
    steps: int | None = None,
    peak_bytes: int | None = None,
    text: str = "text",
) -> Sample:
    """Return an answer of ``tokens`` that took ``seconds`` after the first one."""
    count = len(tokens)
    bursts = count if steps is None else steps
    return Sample(
        tokens=tuple(tokens),
        text=text,
        figures=Figures(
            prompt_tokens=10,
            tokens=count,
            steps=bursts,
            decode_seconds=seconds,
            first_token_seconds=0.5,
        ),
        forward_steps=max(0, bursts - 1),
        stop_reason="length",
        peak_bytes=peak_bytes,
    )


class Scripted:
    """Answers by ``answer``, and remembers what it was asked."""

    is_peer = False
    drafts = False

    def __init__(
        self,
        name: str,
        answer: Callable[[Messages], Sample] | None = None,
        *,
        log: list[str] | None = None,
        is_exact: bool = True,
    ) -> None:
        self.name = name
        self.words = f"{name} in words"
        self.is_exact = is_exact
        self.asked: list[tuple[str, ...]] = []
        self._answer = answer
        self._log = [] if log is None else log

    def answer(self, messages: Messages, cancelled: Callable[[], bool]) -> Sample:
        """Answer as told."""
        self._log.append(self.name)
        self.asked.append(tuple(message.content for message in messages))
        return sample() if self._answer is None else self._answer(messages)
