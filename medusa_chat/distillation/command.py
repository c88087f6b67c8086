"""``medusa-chat distill``: who answers, what is told, and the exit status."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_chat import thread_waiting
from medusa_chat.distillation.dialogues import Dialogue, drawn, read_dialogues
from medusa_chat.distillation.progress import NowAndThen, Progress
from medusa_chat.distillation.record_file import RecordFile
from medusa_chat.distillation.settings import DistillSettings, ServerSettings
from medusa_chat.distillation.writer import InterruptedWritingError, Writer
from medusa_chat.errors import INTERRUPTED, MedusaChatError
from medusa_chat.run.command import Interrupt
from medusa_chat.run.loading import engine_with
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.status_line import StatusLine, tell
from medusa_chat.training.records import Problems

if TYPE_CHECKING:
    from medusa_chat.distillation.session import Tally
    from medusa_chat.engine.local import Engine

_REQUESTS = 8
_FEW = 2
"""Answers at once that are no faster than one after the other by Medusa."""


def run(settings: DistillSettings, model: ModelSettings, decode: DecodeSettings) -> int:
    """Write the dialogues and return the exit status: 0 when all are there, 130 after Ctrl+C.

    Raises MedusaChatError, in words, for whatever a user can cause or meet.
    """
    thread_waiting.settle()
    problems = Problems()
    everything = read_dialogues(settings.prompts, problems)
    for words in problems.words():
        tell(words)
    assert decode.seed is not None, "the command line gives one"
    dialogues = drawn(everything, settings.dialogues, decode.seed)
    with RecordFile(settings.output, _origin(settings, model, decode)) as file:
        settled = file.settled
        missing = [one for one in dialogues if one.number not in settled]
        for path in file.damaged:
            tell(f"The last line of {path} was damaged, and is taken away: that alone is redone.")
        kept = sum(map(len, file.answered.values()))
        if settled or kept:
            further = f", and {kept:,} answers of others" if kept else ""
            tell(f"Going on: {len(settled):,} of {len(dialogues):,} dialogues are done{further}.")
        if not missing:
            tell(f"{settings.output} is finished.")
            return 0 if file.written else 1
        if settings.server is not None:
            with StatusLine() as line:
                name, writer = _server(settings, settings.server, decode, line)
                return _write(name, writer, missing, file, settings, decode, line)
        engine, _ = engine_with(model)
        writer = _local(engine, missing, settings, decode)
        with StatusLine() as line:
            status = _write(model.model, writer, missing, file, settings, decode, line)
        engine.keep_times()
        return status


def _write(
    model: str,
    writer: Writer,
    dialogues: Sequence[Dialogue],
    file: RecordFile,
    settings: DistillSettings,
    decode: DecodeSettings,
    line: StatusLine,
) -> int:
    from medusa_chat.distillation.session import distill

    tell(f"{len(dialogues):,} dialogues for {model}, {writer.words}")
    interrupt = Interrupt()
    interrupt.listen()
    try:
        tally = distill(
            dialogues,
            writer,
            file,
            model,
            settings,
            decode,
            lambda answers: Progress(line, answers),
            lambda: interrupt.requested,
        )
    except InterruptedWritingError:
        line.clear()
        tell(
            f"Stopped: {len(file.written):,} dialogues are in {settings.output}. The same "
            "command goes on from there."
        )
        return INTERRUPTED
    line.clear()
    _tell_end(tally, file, settings)
    return 0 if file.written else 1


def _interject(line: StatusLine, words: str) -> None:
    line.clear()
    tell(words)


def _tell_end(tally: Tally, file: RecordFile, settings: DistillSettings) -> None:
    tell(
        f"{len(file.written):,} dialogues are in {settings.output}; written now: "
        f"{tally.dialogues:,}, of {tally.answers:,} answers and {tally.tokens:,} tokens."
    )
    if tally.truncated:
        what = "marked" if settings.truncated == "mark" else "left out"
        tell(
            f"Answers that came to no end, {what}: {tally.truncated:,}. A higher --max-new-tokens "
            "lets more of them end."
        )
    if tally.left_out:
        reasons = ", ".join(f"{words} {count:,}" for words, count in tally.left_out.most_common())
        tell(f"Dialogues of which nothing is kept: {reasons}.")
        for reason, words in tally.first_words.items():
            if words:
                tell(f"The first that was {reason}: {words}")


def _local(
    engine: Engine,
    dialogues: Sequence[Dialogue],
    settings: DistillSettings,
    decode: DecodeSettings,
) -> Writer:
    """Return who writes fastest by the model that ``engine`` has."""
    from medusa_chat.distillation.batch_size import batch_size
    from medusa_chat.distillation.batched_writer import BatchedWriter
    from medusa_chat.distillation.engine_writer import EngineWriter

    size = settings.batch_size
    if decode.repetition_penalty != 1:
        size = 1
    if size is None:
        size = batch_size(
            engine.model,
            dialogues,
            one_turn=settings.one_turn,
            max_new_tokens=decode.max_new_tokens,
        )
        if size <= _FEW:
            tell(f"Memory has room for {size} at once: Medusa is as fast.")
            size = 1
    size = min(size, len(dialogues))
    if size > 1:
        writer = BatchedWriter(engine.model, decode, size)
        defect = writer.padding_defect()
        if defect is None:
            return writer
        tell(f"Answers are written one by one: {defect}.")
    # A system message is in the dialogues by now.
    return EngineWriter(engine, replace(decode, system=None))


def _server(
    settings: DistillSettings, server: ServerSettings, decode: DecodeSettings, line: StatusLine
) -> tuple[str, Writer]:
    from medusa_chat.distillation.chat_server import ChatServer
    from medusa_chat.distillation.server_writer import ServerWriter

    asked = ChatServer(
        server, os.environ.get(server.key_variable), notice=NowAndThen(partial(_interject, line))
    )
    name = asked.model()
    return name, ServerWriter(asked, name, decode, settings.batch_size or _REQUESTS)


def _origin(
    settings: DistillSettings, model: ModelSettings, decode: DecodeSettings
) -> dict[str, object]:
    """Return all that the dialogues depend on."""
    digest = hashlib.sha256()
    for file in settings.prompts:
        digest.update(_sha256(file))
    origin: dict[str, object] = {"prompts_sha256": digest.hexdigest()}
    if settings.server is not None:
        origin |= {"server": settings.server.root, "model": settings.server.model}
    else:
        kept = ("model", "base_model", "quantization", "dtype", "context_tokens", "template")
        origin |= {name: value for name, value in asdict(model).items() if name in kept}
    origin |= {
        "one_turn": settings.one_turn,
        "dialogues": settings.dialogues,
        "greedy_share": settings.greedy_share,
        "truncated": settings.truncated,
    }
    drawing = ("temperature", "top_p", "top_k", "repetition_penalty", "seed")
    ending = ("max_new_tokens", "stop", "system")
    return origin | {
        name: value for name, value in asdict(decode).items() if name in drawing + ending
    }


def _sha256(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError as error:
        raise MedusaChatError(f"{file} cannot be read: {error.strerror or error}.") from error
