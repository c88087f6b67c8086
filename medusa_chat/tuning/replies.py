"""The replies that trees are tried on: decoded plainly, once, with all that the heads said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch

from medusa_chat.benchmark.cases import Case
from medusa_chat.benchmark.replay_suite import log_case
from medusa_chat.benchmark.run import Skipped
from medusa_chat.decoding.replay import ReplyLog
from medusa_chat.engine.local import Engine
from medusa_chat.errors import MedusaChatError
from medusa_chat.models.stages import Report
from medusa_chat.settings import DecodeSettings

_MOST_BYTES = 2 * 2**30
"""Of logits: with a large vocabulary fewer replies are logged."""


@dataclass(frozen=True, slots=True)
class Replies:
    """The logs of the prompts that were answered, and those that could not be."""

    logs: tuple[ReplyLog, ...]
    skipped: tuple[Skipped, ...]


def of_all_kinds(cases: Sequence[Case], most: int) -> list[Case]:
    """Return at most ``most`` of ``cases``, one of each category after the other."""
    by_category: dict[str, list[Case]] = {}
    for case in cases:
        by_category.setdefault(case.category, []).append(case)
    rows = zip_longest(*by_category.values())
    return [case for row in rows for case in row if case is not None][:most]


def log_replies(
    engine: Engine,
    cases: Sequence[Case],
    decode: DecodeSettings,
    *,
    cancelled: Callable[[], bool],
    report: Report,
) -> Replies:
    """Decode the first turns of ``cases`` as ``decode`` says, as many as there is memory for.

    A reply of one token is skipped: that one comes from the prompt, and no step was needed.
    """
    logs: list[ReplyLog] = []
    skipped: list[Skipped] = []
    left = _room(engine.model.decoder.forward.device)
    for index, case in enumerate(cases):
        if cancelled() or (logs and left < _bytes(logs[-1])):
            break
        report(f"Answering {case.id}", index / len(cases))
        try:
            log = log_case(engine, case, decode)
        except MedusaChatError as error:
            skipped.append(Skipped(case.id, str(error)))
            continue
        if len(log.reply) < 2:
            reason = (
                f"The reply to the {len(log.prompt)} tokens of this prompt has one token, which "
                "no tree could guess: take a shorter one, or allow more by --max-new-tokens or "
                "--context."
            )
            skipped.append(Skipped(case.id, reason))
            continue
        logs.append(log)
        left -= _bytes(log)
    return Replies(tuple(logs), tuple(skipped))


def _room(device: torch.device) -> int:
    if device.type != "cuda":
        return _MOST_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return min(_MOST_BYTES, free // 4)


def _bytes(log: ReplyLog) -> int:
    return log.logits.nbytes + log.head_logits.nbytes
