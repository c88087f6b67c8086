"""How the chat keeps up with a fast model. By hand, in `tests`: `python -m tui.transcript_speed`.

The whole application, drawing into nothing, with an engine that follows a script. For each kind of
text: how late the event loop came to its turns, what share of one core the process took, and how
long after the last token the reply was on the screen. One JSON line per kind.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import re
import statistics
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from textual.drivers.headless_driver import HeadlessDriver

from medusa_chat.decoding.stats import Figures
from medusa_chat.engine.protocol import Bursts, Finished, Generate, Piece
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.tui.app import ChatApp
from medusa_chat.tui.messages import PromptSubmitted
from medusa_chat.tui.widgets.reply import Reply
from medusa_chat.tui.widgets.transcript import Transcript

from .scripted_engine import ScriptedEngine
from .scripted_hub import ScriptedHub

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = "the model checks a whole tree of guesses in one pass and keeps what it agrees with"
WORDS = TEXT.split()
MESSAGES_PER_SECOND = 60
PROBE_SECONDS = 0.005


def prose(tokens: int) -> str:
    """Return paragraphs with some Markdown in them."""
    words = [
        f"**{word}**" if n % 17 == 0 else f"`{word}`" if n % 23 == 0 else word
        for n, word in enumerate(WORDS[n % len(WORDS)] for n in range(tokens))
    ]
    paragraphs = [" ".join(words[n : n + 70]) + "." for n in range(0, len(words), 70)]
    return "\n\n".join(paragraphs)


def items(count: int) -> str:
    return "\n".join(f"{n + 1}. Item *{n}*: {' '.join(WORDS[:8])}" for n in range(count))


def table(rows: int) -> str:
    lines = [f"| {n} | {WORDS[n % 9]} {n} | {' '.join(WORDS[: n % 12])} |" for n in range(rows)]
    return "\n".join(["| number | name | what it says |", "|---:|---|---|", *lines])


def fence(lines: int) -> str:
    code = [
        f'    value_{n} = compute({n}, "text {n}")  # {WORDS[n % 9]}'
        if n % 10
        else f"def f_{n}(a: int) -> str:"
        for n in range(lines)
    ]
    return "\n".join(["```python", *code, "```"])


def tokens_of(text: str) -> list[str]:
    """Return text in pieces of about the length of a model's tokens."""
    return re.findall(r"\s?\S{1,5}|\s", text)


class SilentDriver(HeadlessDriver):
    """Takes what would go to the terminal, so that drawing costs what it costs."""

    characters = 0

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        SilentDriver.characters += len(data)


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one reply."""

    kind: str
    tokens: int
    seconds: float
    cpu_share: float
    delay_p50_ms: float
    delay_p99_ms: float
    delay_max_ms: float
    behind_ms: float
    """From the last token to the whole reply on the screen."""
    tokens_before: int
    load: float
    """How busy the machine was with everything, as runnable processes."""


async def probe(delays: list[float]) -> None:
    """Note how much later than asked for the event loop comes back."""
    while True:
        asked = time.perf_counter() + PROBE_SECONDS
        await asyncio.sleep(PROBE_SECONDS)
        delays.append(time.perf_counter() - asked)


def bursts_of(tokens: list[str], first: int) -> Iterator[Piece]:
    for number, token in enumerate(tokens, first):
        yield Piece(number // 3, token, 1)


async def reply(
    app: ChatApp, engine: ScriptedEngine, kind: str, text: str, rate: float, before: int
) -> Measured:
    """Have one reply come at this rate, and measure."""
    transcript = app.screen.query_one(Transcript)
    known = len(engine.generates)
    app.screen.post_message(PromptSubmitted(f"Give me {kind}."))
    while len(engine.generates) == known:
        await asyncio.sleep(0.01)
    request: Generate = engine.generates[-1]
    engine.start(request)
    tokens = tokens_of(text)
    delays: list[float] = []
    prober = asyncio.create_task(probe(delays))
    start, cpu = time.perf_counter(), time.process_time()
    sent = 0
    while sent < len(tokens):
        await asyncio.sleep(1 / MESSAGES_PER_SECOND)
        due = min(len(tokens), int((time.perf_counter() - start) * rate))
        steps = due // 3 + 1
        counts = (0, 0, steps)
        figures = Figures(
            prompt_tokens=20,
            tokens=due,
            steps=steps,
            passes=steps,
            nodes=8 * steps,
            prefill_seconds=0.1,
            decode_seconds=due / rate,
            first_token_seconds=0.1,
            accepted_counts=counts,
        )
        pieces = tuple(bursts_of(tokens[sent:due], sent))
        engine.emit(Bursts(request.reply_id, pieces, figures))
        sent = due
    last = time.perf_counter()
    while not _is_shown(transcript, text):
        await asyncio.sleep(0.002)
    seconds, used = time.perf_counter() - start, time.process_time() - cpu
    behind = time.perf_counter() - last
    prober.cancel()
    engine.emit(Finished(request.reply_id, "eos", figures))
    await asyncio.sleep(0.2)
    ordered = sorted(delays)
    return Measured(
        kind,
        len(tokens),
        round(seconds, 2),
        round(used / seconds, 3),
        round(1000 * statistics.median(ordered), 2),
        round(1000 * ordered[int(0.99 * len(ordered))], 1),
        round(1000 * ordered[-1], 1),
        round(1000 * behind, 1),
        before,
        round(os.getloadavg()[0], 2),
    )


def _is_shown(transcript: Transcript, text: str) -> bool:
    """Tell whether the end of a text is on the screen."""
    shown = transcript.query(Reply).last()
    if len(shown.text.text) < len(text):
        return False
    return shown.is_drawn and transcript.scroll_y == transcript.max_scroll_y


async def measure(kinds: dict[str, str], rate: float, history: int, size: tuple[int, int]) -> None:
    """Print a line of figures per kind of text, after a chat of about ``history`` tokens."""
    engine = ScriptedEngine(answer_by_itself=False)
    app = ChatApp(ModelSettings(), DecodeSettings(), lambda: engine, hub=ScriptedHub())
    app.driver_class = SilentDriver
    running = asyncio.create_task(app.run_async(size=size))
    while not (app.screen_stack and app.screen.query(Transcript)):
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    for n in range(history // 500):
        await reply(app, engine, f"turn {n}", prose(400), 20_000, 0)
    for kind, text in kinds.items():
        measured = await reply(app, engine, kind, text, rate, history)
        # What is printed while an application runs goes to its console.
        print(json.dumps(dataclasses.asdict(measured)), file=sys.__stdout__, flush=True)
    app.exit()
    await running


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=500, help="tokens per second")
    parser.add_argument("--history", type=int, default=0, help="tokens of the chat before")
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--only", default="prose,list,table,fence")
    parser.add_argument("--scale", type=float, default=1, help="of the texts' length")
    given = parser.parse_args()
    scale = given.scale
    kinds = {
        "prose": prose(int(2500 * scale)),
        "list": items(int(300 * scale)),
        "table": table(int(300 * scale)),
        "fence": fence(int(500 * scale)),
    }
    chosen = {name: kinds[name] for name in given.only.split(",")}
    width, _, height = given.size.partition("x")
    with tempfile.TemporaryDirectory() as home:
        os.environ["MEDUSA_CHAT_HOME"] = home
        asyncio.run(measure(chosen, given.rate, given.history, (int(width), int(height))))


if __name__ == "__main__":
    main()
