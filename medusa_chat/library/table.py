"""The list of models, and the details of one, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medusa_chat.library.catalog import PLAIN, Entry
from medusa_chat.models.device_memory import DeviceMemory
from medusa_chat.models.memory import Choice
from medusa_chat.quantities import percent, size

DASH = "—"
COLUMNS = ("model", "state", "size", "fit", "speed-up")
_LABEL_COLUMNS = 13


def cells(entry: Entry) -> tuple[str, ...]:
    """Return one model's row, in the order of ``COLUMNS``."""
    speed = DASH if entry.speed is None else f"{entry.speed.ratio:.2f}×"
    return (entry.name, state(entry), _size(entry), fit(entry), speed)


def state(entry: Entry) -> str:
    """Return how things stand with a model's files, in words."""
    if entry.needs_base:
        return "needs a base"
    if entry.state == "partial" and entry.bytes_total:
        return f"partial {percent(entry.bytes_here, entry.bytes_total)}"
    return entry.state


def fit(entry: Entry) -> str:
    """Return the best way of loading a model here, in words."""
    if not entry.choices or entry.choices[0].verdict is None:
        return DASH
    if entry.best is None:
        return "does not fit"
    return f"{entry.best.verdict}, {entry.best.bits} bits"


def verdict(entry: Entry) -> str | None:
    """Return whether a model will fit, in a sentence; None where that is not known."""
    if not entry.choices or entry.choices[0].verdict is None:
        return None
    if entry.best is None:
        return "It does not fit into this machine's memory, in whatever precision."
    words = "It fits into" if entry.best.verdict == "fits" else "It needs nearly all of"
    return f"{words} this machine's memory in {entry.best.bits} bits."


def machine(memory: DeviceMemory | None) -> str:
    """Return what models have to fit into, in words."""
    if memory is None:
        return "How much memory this machine has is not known."
    return f"{memory.name}: {size(memory.free_bytes)} of {size(memory.total_bytes)} free"


def details(entry: Entry) -> list[str]:
    """Return all that is known of a model, a line each."""
    return [
        f"{label:{_LABEL_COLUMNS}}{value}" if label else value
        for label, value in _facts(entry)
        if value
    ]


def _size(entry: Entry) -> str:
    if entry.bytes_total is not None:
        return size(entry.bytes_total)
    return f"{size(entry.bytes_here)} so far" if entry.bytes_here else DASH


def _facts(entry: Entry) -> Iterator[tuple[str, str | None]]:
    yield "Model", entry.name
    if entry.title != entry.name:
        yield "Title", entry.title
    yield "State", state(entry)
    for part in entry.parts:
        label = "Files" if part is entry.parts[0] else "Base"
        total = part.bytes_total
        sizes = size(part.bytes_here) if part.state == "here" else size(total) if total else ""
        yield label, " · ".join(word for word in (str(part.reference), part.state, sizes) if word)
        if part.folder is not None:
            yield "", f"{'':{_LABEL_COLUMNS}}{part.folder}"
    if len(entry.parts) == 1:
        yield "Base", entry.base
    if entry.bytes_missing:
        yield "To fetch", size(entry.bytes_missing)
    yield "Heads", _heads(entry)
    yield "Weights", None if entry.parameters is None else _count(entry.parameters)
    yield "Context", None if entry.context_tokens is None else f"{entry.context_tokens} tokens"
    yield "Licence", entry.licence
    yield "Also called", ", ".join(entry.aliases)
    if entry.speed is not None:
        speed = entry.speed
        yield (
            "Measured",
            f"{speed.ratio:.2f}×: {speed.medusa_tokens_per_second:.0f} against "
            f"{speed.plain_tokens_per_second:.0f} tok/s on {speed.device}",
        )
    for choice in entry.choices:
        yield "Memory" if choice is entry.choices[0] else " ", _choice(choice)
    for note in entry.notes:
        yield "Note", note


def _heads(entry: Entry) -> str | None:
    if entry.layout == PLAIN:
        return "none: it is decoded plainly"
    if entry.heads is None:
        return None
    own = "" if entry.head_parameters is None else f", {_count(entry.head_parameters)}"
    kind = " that see the root" if entry.sees_root else ""
    tokens = "" if entry.head_vocabulary is None else f" over {entry.head_vocabulary:,} tokens"
    return f"{entry.heads}{kind}{tokens} ({entry.layout}{own})"


def _choice(choice: Choice) -> str:
    needed = choice.footprint
    verdict = "" if choice.verdict is None else f"  {choice.verdict}"
    parts = (
        f"weights {size(needed.weights_bytes)}, heads {size(needed.heads_bytes)}, "
        f"cache {size(needed.cache_bytes)}, besides {size(needed.overhead_bytes)}"
    )
    return f"{choice.bits:2} bits {size(needed.total):>8}{verdict}  ({parts})"


def _count(parameters: int) -> str:
    if parameters < 950_000_000:
        return f"{parameters / 1e6:.1f} million"
    return f"{parameters / 1e9:.2f} billion"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines of equal columns, for a pipe."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
