"""Answers each prompt from an empty cache and prints the answer as it streams."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from medusa_chat import thread_waiting
from medusa_chat.errors import INTERRUPTED, MedusaChatError
from medusa_chat.printable import printable
from medusa_chat.run.loading import engine_with
from medusa_chat.run.prompts import Prompt
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.status_line import tell

if TYPE_CHECKING:
    from medusa_chat.engine.local import Answer
    from medusa_chat.engine.protocol import Loaded


@dataclass
class Interrupt:
    """Set by Ctrl+C: the answer under way ends and is kept, no other begins."""

    requested: bool = False

    def listen(self) -> None:
        """Take over SIGINT; a second one ends the program at once."""
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            os._exit(INTERRUPTED)
        self.requested = True


def run(
    model: ModelSettings,
    decode: DecodeSettings,
    prompts: Iterable[Prompt],
    *,
    as_json: bool,
    many: bool,
) -> int:
    """Answer ``prompts`` in order and return the exit status.

    With ``as_json`` stdout gets one object a prompt; otherwise the texts, and stderr the figures.
    With ``many`` a prompt that cannot be answered is reported in its place, the others are answered
    and the status is 1; without, its error is raised. Raises MedusaChatError when the model cannot
    be loaded, and UsageError when the tree does not fit it.
    """
    thread_waiting.settle()
    from medusa_chat.decoding.tree_choice import check_tree

    check_tree(decode)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where a terminal or a locale has no UTF-8, an answer with question marks beats none.
        sys.stdout.reconfigure(errors="replace")
    engine, loaded = engine_with(model)
    tree = engine.choose_tree(decode)
    if decode.medusa and loaded.plain_reason:
        tell(f"Medusa is off: {loaded.plain_reason}.")
    elif decode.medusa and loaded.heads == 0:
        state = "Medusa is off" if tree.shape.depth == 0 else "Guesses come from the text alone"
        tell(f"{state}: the model has no Medusa heads.")
    interrupt = Interrupt()
    interrupt.listen()
    status = 0
    for prompt in prompts:
        if interrupt.requested:
            break
        try:
            if prompt.error is not None:
                raise MedusaChatError(prompt.error)
            engine.forget()
            answer = engine.answer(prompt.messages, decode)
            text = _stream(answer, interrupt, show=not as_json)
            if not as_json:
                tell(_summary(answer))
            engine.keep_times()
            if as_json:
                print(json.dumps(_record(prompt, answer, text, decode, loaded)), flush=True)
        except MedusaChatError as error:
            if not many:
                raise
            status = 1
            if as_json:
                print(json.dumps({"id": prompt.id, "error": str(error)}), flush=True)
            else:
                tell(f"prompt {prompt.id}: {error}")
    return INTERRUPTED if interrupt.requested else status


def _stream(answer: Answer, interrupt: Interrupt, *, show: bool) -> str:
    """Decode the answer and return its text, printing it on the way if ``show``."""
    # On a terminal the model's text must not move the cursor; in a pipe it stays as it is.
    safe = printable if sys.stdout.isatty() else str
    text = ""
    for emissions in answer.run(lambda: interrupt.requested):
        new = "".join(emission.text for emission in emissions)
        text += new
        if show:
            sys.stdout.write(safe(new))
            sys.stdout.flush()
    if show:
        sys.stdout.write("\n")
        sys.stdout.flush()
    return text


def _summary(answer: Answer) -> str:
    """Return the figures of an answer that is over in one line."""
    figures = answer.decoding.figures
    tree = figures.tree_words(answer.tree.words)
    words = f"Medusa on · {tree}" if answer.mode == "medusa" else "Medusa off"
    # Known at the end: a capture may fail at any step.
    parts = [figures.line(), words, answer.decoding.launches, answer.decoding.output.stop_reason]
    return " · ".join(part for part in parts if part)


def _record(
    prompt: Prompt,
    answer: Answer,
    text: str,
    decode: DecodeSettings,
    loaded: Loaded,
) -> dict[str, object]:
    figures, output = answer.decoding.figures, answer.decoding.output
    return {
        "id": prompt.id,
        "text": text,
        "prompt_tokens": figures.prompt_tokens,
        "token_ids": output.token_ids,
        "bursts": output.bursts,
        "accepted_per_step": figures.accepted_per_step,
        "steps": figures.steps,
        "tokens_per_second": figures.tokens_per_second,
        "prefill_seconds": figures.prefill_seconds,
        "decode_seconds": figures.decode_seconds,
        "stop_reason": output.stop_reason,
        "mode": answer.mode,
        "tree": answer.tree.name,
        "tree_size": answer.tree.shape.size,
        "nodes_per_step": figures.nodes_per_step,
        "draft": decode.draft,
        "acceptance": decode.acceptance,
        "temperature": decode.temperature,
        "seed": answer.seed,
        "model": loaded.model,
        "dtype": loaded.dtype,
        "device": loaded.device,
        "steps_run": answer.decoding.launches,
    }
