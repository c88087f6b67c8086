"""The result card: what is said of a race, on the screen and in files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_chat.conversation.conversation import one_line
from medusa_chat.printable import printable

if TYPE_CHECKING:
    from medusa_chat.engine.protocol import Prefill
    from medusa_chat.tui.race.recording import Recording
    from medusa_chat.tui.race.result import Cause, Difference, RaceResult

DASH = "—"
_PROMPT_CHARACTERS = 400
_EVEN = 0.995
_CAUSES: dict[Cause, str] = {
    "defect": "In 32 bits they must be the same: this is a defect of medusa-chat, please report it",
    "rounding": "A near-tie: rows of a tree and single ones are rounded differently here",
    "typical": "Typical acceptance takes other tokens than the model's own choice",
}
_DISTURBED = (
    "Plain steps took longer than Medusa's, which they do not by themselves: the machine was busy "
    "with something else. This race does not count; race again."
)
_MODES = {"plain": "plain", "medusa": "Medusa"}


@dataclass(frozen=True, slots=True)
class CardRow:
    """One figure of both sides."""

    name: str
    plain: str
    medusa: str


@dataclass(frozen=True, slots=True)
class Card:
    """A race in words and figures, in the order in which they are read."""

    headline: str
    is_faster: bool
    """Whether Medusa was no slower, in two digits."""
    rows: tuple[CardRow, ...]
    text: str
    """Whether both wrote the same."""
    is_same: bool
    prefill: str
    conditions: str
    prompt: str
    doubt: str
    """Why the figures may not hold; empty where nothing speaks against them."""


def card_of(result: RaceResult) -> Card:
    """Return what there is to say of a race."""
    plain, medusa = result.plain, result.medusa
    difference = result.difference
    return Card(
        headline=headline(result.speed_up),
        is_faster=result.speed_up is not None and result.speed_up >= _EVEN,
        rows=(
            CardRow("Decoding", _seconds(plain), _seconds(medusa)),
            CardRow("First token", _first_token(plain), _first_token(medusa)),
            CardRow("Speed", _speed(plain), _speed(medusa)),
            CardRow("Accepted/step", _accepted(plain), _accepted(medusa)),
            CardRow("Step", _step(plain), _step(medusa)),
            CardRow("Steps", str(plain.figures.steps), str(medusa.figures.steps)),
            CardRow("Tokens", str(plain.figures.tokens), str(medusa.figures.tokens)),
            CardRow("Tree", printable(plain.tree), printable(medusa.tree)),
        ),
        text=_same(plain) if difference is None else differs(difference),
        is_same=difference is None,
        prefill=_prefill(result),
        conditions=_conditions(result),
        prompt=_cut(one_line(result.prompt)),
        doubt=_DISTURBED if result.is_disturbed else "",
    )


def headline(speed_up: float | None) -> str:
    """Return the result in a few words."""
    if speed_up is None:
        return "Too short to say which is faster"
    if speed_up < _EVEN:
        return f"Medusa was slower here: {speed_up:.2f}× the speed of plain decoding"
    return f"Medusa was {speed_up:.2f}× as fast as plain decoding"


def differs(difference: Difference) -> str:
    """Return where the texts differ, with a few words of both, and why that can be."""
    return (
        f"differs after {difference.token} tokens ({difference.character} characters), behind "
        f"{_quoted(difference.before)}: plain {_quoted(difference.plain)}, Medusa "
        f"{_quoted(difference.medusa)}. {_CAUSES[difference.cause]}."
    )


def summary(result: RaceResult) -> str:
    """Return the card in a line or two, for the chat."""
    card = card_of(result)
    plain, medusa = result.plain, result.medusa
    verb = " is" if card.is_same else ""
    return (
        f"Race: {card.headline} ({_speed(medusa)} against {_speed(plain)}, "
        f"{_accepted(medusa)} accepted/step). The text{verb} {card.text} {card.doubt}".rstrip()
    )


def markdown(card: Card) -> str:
    """Return the card as a Markdown document."""
    lines = [
        "# A race on medusa-chat",
        "",
        f"> {card.prompt}",
        "",
        f"**{card.headline}.**",
        "",
        *([card.doubt, ""] if card.doubt else []),
        "| | plain | Medusa |",
        "|---|---:|---:|",
        *(f"| {row.name} | {_cell(row.plain)} | {_cell(row.medusa)} |" for row in card.rows),
        "",
        f"- Prompt: {card.prefill}",
        f"- Text: {card.text}",
        f"- Conditions: {card.conditions}",
    ]
    return "\n".join(lines) + "\n"


def _cut(prompt: str) -> str:
    """Leave out the end of what a card has no room for, such as a file that went along."""
    return prompt if len(prompt) <= _PROMPT_CHARACTERS else f"{prompt[:_PROMPT_CHARACTERS]}…"


def _same(recording: Recording) -> str:
    tokens = recording.figures.tokens
    return f"the same, all {tokens} tokens." if tokens != 1 else "the same."


def _quoted(text: str) -> str:
    return json.dumps(printable(text), ensure_ascii=False) if text else "the end"


def _seconds(recording: Recording) -> str:
    return f"{recording.figures.decode_seconds:.2f} s"


def _first_token(recording: Recording) -> str:
    seconds = recording.figures.first_token_seconds
    return DASH if seconds is None else f"{seconds * 1000:.0f} ms"


def _step(recording: Recording) -> str:
    seconds = recording.step_seconds
    return DASH if seconds is None else f"{seconds * 1000:.2f} ms"


def _speed(recording: Recording) -> str:
    speed = recording.figures.tokens_per_second
    return DASH if speed is None else f"{speed:.0f} tok/s"


def _accepted(recording: Recording) -> str:
    accepted = recording.figures.accepted_per_step
    return DASH if accepted is None else f"{accepted:.2f}"


def _prefill(result: RaceResult) -> str:
    first = {"plain": result.plain, "medusa": result.medusa}[result.first]
    prefill: Prefill | None = first.started.beforehand
    if prefill is None:
        return f"{first.started.prompt_tokens} tokens"
    cached = f", {prefill.reused_tokens} of them cached before" if prefill.reused_tokens else ""
    return (
        f"{prefill.prompt_tokens} tokens, prefilled once for both in "
        f"{prefill.seconds * 1000:.0f} ms{cached}; no time above contains that"
    )


def _conditions(result: RaceResult) -> str:
    loaded, settings = result.loaded, result.medusa.settings
    bits = [] if loaded.quantization == "none" else [loaded.quantization]
    drawn = "greedy" if settings.temperature == 0 else f"temperature {settings.temperature:g}"
    parts = [
        printable(loaded.model),
        loaded.dtype,
        *bits,
        loaded.device,
        drawn,
        f"seed {result.seed}",
        f"{_MODES[result.first]} first",
        f"{result.when.astimezone():%Y-%m-%d %H:%M}",
    ]
    if result.medusa.started.launches is not None:
        parts.append(result.medusa.started.launches)
    return " · ".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
