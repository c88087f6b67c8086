"""One model as the models screen shows it: the cells of its row, and its details."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from textual.content import Content

from medusa_chat import quantities
from medusa_chat.printable import printable

if TYPE_CHECKING:
    from medusa_chat.errors import HubError
    from medusa_chat.library.catalog import Entry
    from medusa_chat.models.hub.progress import FileProgress, Progress
    from medusa_chat.models.memory import Choice

State = Literal["here", "partial", "remote", "gated", "downloading", "paused", "failed"]

_DASH = "—"
_MARKS: dict[State, str] = {
    "here": "●",
    "partial": "◐",
    "remote": "○",
    "gated": "◇",
    "downloading": "↓",
    "paused": "‖",
    "failed": "!",
}
_STATE_STYLES: dict[State, str] = {
    "here": "$text-success",
    "downloading": "$text-primary",
    "gated": "$text-warning",
    "failed": "$text-error",
}
_FIT_STYLES = {"fits": "$text-success", "tight": "$text-warning", "does not fit": "$text-error"}
_BAR_COLUMNS = 16


@dataclass(frozen=True, slots=True)
class ModelRow:
    """What is shown of one model at one moment."""

    entry: Entry
    choice: Choice | None
    """How it would be loaded."""
    in_use: bool = False
    progress: Progress | None = None
    refusal: HubError | None = None

    @property
    def name(self) -> str:
        """What ``--model`` takes."""
        return self.entry.name

    @property
    def is_here(self) -> bool:
        """Whether it can be loaded without a network."""
        return self.state == "here"

    @property
    def state(self) -> State:
        """How things stand with its files."""
        progress = self.progress
        if progress is not None and progress.state == "paused":
            return "paused"
        if progress is not None and progress.state not in ("done", "failed", "cancelled"):
            return "downloading"
        if self.entry.state in ("built in", "here"):
            return "here"
        if self.refusal is not None:
            return "gated" if self.refusal.kind in ("gated", "unauthorized") else "failed"
        if self.entry.state == "partial":
            return "partial"
        return "gated" if self.entry.state == "gated" else "remote"

    @property
    def cells(self) -> tuple[Content, ...]:
        """Model, state, size, fit and speed-up."""
        entry = self.entry
        return (
            Content(printable(entry.title)),
            Content.styled(
                f"{_MARKS[self.state]} {self._state_words}", _STATE_STYLES.get(self.state, "")
            ),
            Content(_DASH if entry.bytes_total is None else quantities.size(entry.bytes_total)),
            _fit(self.choice, with_bits=True),
            Content(_DASH if entry.speed is None else f"{entry.speed.ratio:.2f}×"),
        )

    @property
    def _state_words(self) -> str:
        entry, progress = self.entry, self.progress
        if progress is not None and self.state in ("downloading", "paused"):
            done = quantities.percent(progress.done_bytes, progress.total_bytes)
            return f"paused {done}" if self.state == "paused" else f"{progress.state} {done}"
        if entry.needs_base:
            return "needs a base"
        if self.in_use and self.is_here:
            return "in use"
        if entry.state == "built in":
            return entry.state
        if self.state == "partial" and entry.bytes_total:
            return f"partial {quantities.percent(entry.bytes_here, entry.bytes_total)}"
        return self.state

    @property
    def details(self) -> Content:
        """All that is known of the model, and what can be done with it."""
        parts = [self._title(), self._description()]
        if self.progress is not None and self.state in ("downloading", "paused"):
            parts.append(_download(self.progress))
        if self.refusal is not None and self.state in ("gated", "failed"):
            parts.append(Content.styled(printable(str(self.refusal)), "$text-error"))
        parts.append(self._memory())
        parts += [Content(printable(note)) for note in self.entry.notes]
        return Content("\n\n").join(part for part in parts if part)

    def _title(self) -> Content:
        """Return the name, and right below what can be done: further down may be no room."""
        entry = self.entry
        lines = [Content.styled(printable(entry.title), "bold $foreground")]
        if entry.name != entry.title:
            lines.append(Content(printable(entry.name)))
        lines.append(Content.styled(self._keys(), "$text-primary"))
        return Content("\n").join(lines)

    def _description(self) -> Content:
        entry = self.entry
        known: list[tuple[str, str | None]] = [
            ("Base", entry.base),
            ("Heads", _heads(entry)),
            ("Weights", None if entry.parameters is None else _billions(entry.parameters)),
            ("Context", None if entry.context_tokens is None else f"{entry.context_tokens} tokens"),
            ("Licence", entry.licence),
            ("On disk", quantities.size(entry.bytes_here) if entry.bytes_here else None),
            ("To fetch", quantities.size(entry.bytes_missing) if entry.bytes_missing else None),
            ("Also called", ", ".join(entry.aliases) or None),
        ]
        if entry.speed is not None:
            speed = entry.speed
            known.append(
                (
                    "Measured",
                    f"{speed.ratio:.2f}×: {speed.medusa_tokens_per_second:.0f} against "
                    f"{speed.plain_tokens_per_second:.0f} tok/s on {speed.device}",
                )
            )
        lines = [
            Content.assemble(f"{label:12}", (printable(value), "$foreground"))
            for label, value in known
            if value
        ]
        return Content("\n").join(lines)

    def _memory(self) -> Content:
        entry = self.entry
        if not entry.choices:
            return Content("How much memory it takes is not known.")
        lines = [Content("Memory with the whole context")]
        for choice in entry.choices:
            mark = "▸" if choice == self.choice else " "
            name = "float8" if choice.quantization == "fp8" else f"{choice.bits} bits"
            words = f"{mark} {name:>7} {quantities.size(choice.footprint.total):>9}  "
            lines.append(Content.styled(words, "$foreground") + _fit(choice))
        needed = self.choice.footprint if self.choice else None
        if needed is not None:
            lines += [
                Content(f"    {label:8}{quantities.size(count):>9}")
                for label, count in (
                    ("weights", needed.weights_bytes),
                    ("heads", needed.heads_bytes),
                    ("cache", needed.cache_bytes),
                    ("besides", needed.overhead_bytes),
                )
            ]
        return Content("\n").join(lines)

    def _keys(self) -> str:
        if self.entry.needs_base:
            return "Enter names its base · Del removes it"
        match self.state:
            case "here":
                return "Enter loads it · B changes the bits" + (
                    "" if self.entry.state == "built in" else " · Del removes it"
                )
            case "downloading":
                return "P pauses it · X gives it up"
            case "paused":
                return "P goes on · X gives it up"
            case "partial":
                return "Enter goes on fetching it · X gives it up"
            case "gated":
                return "T opens the way · Enter tries again"
            case "failed":
                return "Enter tries again"
            case "remote":
                return "Enter fetches it · B changes the bits"


def _heads(entry: Entry) -> str | None:
    if entry.layout == "plain":
        return "none: it is decoded plainly"
    return None if entry.heads is None else f"{entry.heads} ({entry.layout})"


def _billions(parameters: int) -> str:
    if parameters >= 950_000_000:
        return f"{parameters / 1e9:.1f} billion"
    return f"{parameters / 1e6:.{0 if parameters >= 9_950_000 else 1}f} million"


def _fit(choice: Choice | None, *, with_bits: bool = False) -> Content:
    if choice is None or choice.verdict is None:
        return Content(_DASH)
    bits = f", {choice.bits} bits" if with_bits and choice.verdict != "does not fit" else ""
    return Content.styled(choice.verdict + bits, _FIT_STYLES[choice.verdict])


def _download(progress: Progress) -> Content:
    lines = [
        Content.styled(
            f"{progress.state} {quantities.size(progress.done_bytes)} of "
            f"{quantities.size(progress.total_bytes)}",
            "bold $text-primary",
        )
    ]
    if progress.state == "downloading":
        left = progress.seconds_left
        words = quantities.rate(progress.bytes_per_second)
        lines.append(
            Content(words if left is None else f"{words}, {quantities.duration(left)} left")
        )
    if progress.message:
        lines.append(Content.styled(printable(progress.message), "$text-warning"))
    lines += [_file(file) for file in progress.files if file.total_bytes]
    return Content("\n").join(lines)


def _file(file: FileProgress) -> Content:
    filled = round(_BAR_COLUMNS * file.done_bytes / file.total_bytes)
    return Content.assemble(
        ("━" * filled, "$primary"),
        ("─" * (_BAR_COLUMNS - filled), "$panel"),
        f" {quantities.percent(file.done_bytes, file.total_bytes):>4} ",
        printable(file.name),
    )
