"""``medusa-chat push``: writes the model card, shows what would be uploaded, asks, and uploads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_chat.errors import ModelError, UsageError
from medusa_chat.models.hub.reference import is_hub_id
from medusa_chat.printable import printable
from medusa_chat.publishing.figures import Figures, measure, read_figures
from medusa_chat.publishing.settings import PushSettings
from medusa_chat.quantities import size
from medusa_chat.status_line import StatusLine

if TYPE_CHECKING:
    from medusa_chat.publishing.model_facts import ModelFacts

_WEIGHTS = (".safetensors", ".pt", ".bin")
_MESSAGE = "Upload Medusa heads"
_NOBODY_TO_ASK = "Nothing was uploaded: add --yes to upload without being asked."


def run(settings: PushSettings) -> int:
    """Publish, and return the exit status: 1 when the answer was no. Raises MedusaChatError."""
    if not is_hub_id(settings.repository) or "/" not in settings.repository:
        raise UsageError(f"--repo {settings.repository!r} is no name on the Hub: write owner/name.")
    with StatusLine() as line:
        line.show(f"Reading {settings.folder}")
        from medusa_chat.publishing.model_facts import read_facts
        from medusa_chat.publishing.upload import find_target, upload

        facts = read_facts(settings.folder)
        figures = None if settings.figures is None else read_figures(settings.figures)
        target = None
        if not settings.card_only:
            # Before anything is measured, which may take long.
            line.show(f"Asking the Hub about {settings.repository}")
            target = find_target(settings.repository, private=settings.private)
    names = {file.name for file in facts.files}
    replaced = sorted(target.files & names) if target is not None else []
    asks = target is not None and not settings.yes and not (target.private and not replaced)
    if settings.measure:
        if asks and not _can_ask():
            raise UsageError(_NOBODY_TO_ASK)
        _tell(f"Measuring {settings.folder} first; that takes minutes.")
        figures = measure(settings.folder)
    _check(figures, facts.heads, settings.folder)
    _write_card(settings, facts, figures)
    for file in facts.files:
        _tell(f"  {file.name}  {size(file.stat().st_size)}")
    if facts.left_out:
        _tell(f"Left out: {', '.join(facts.left_out)}.")
    if target is None:
        _tell(f"Nothing was uploaded: {facts.files[-1]} is the card.")
        return 0
    kind = "private" if target.private else "public"
    _tell(
        f"{size(facts.bytes)} go to {target.repository}, "
        f"{'a' if target.exists else 'a new'} {kind} repository"
        + (f", in place of its {', '.join(replaced)}." if replaced else ".")
    )
    stays = sorted(one for one in target.files - names if one.endswith(_WEIGHTS))
    if stays:
        _tell(
            f"{', '.join(stays)} stays there too, and may be what others load: delete it on the "
            "Hub if it is of an older model."
        )
    if asks:
        if not _can_ask():
            raise UsageError(_NOBODY_TO_ASK)
        if input("Upload? [y/N] ").strip().lower() not in ("y", "yes"):
            _tell("Nothing was uploaded.")
            return 1
    page = upload(target, settings.folder, sorted(names), settings.message or _MESSAGE)
    _tell(f"Uploaded: {page}")
    return 0


def _check(figures: Figures | None, heads: int, folder: Path) -> None:
    """Raise UsageError for figures of another model, as far as they tell."""
    if figures is None:
        return
    if figures.heads != heads:
        raise UsageError(
            f"The figures are of {figures.model} with {figures.heads} heads, and {folder} has "
            f"{heads}: measure this model."
        )
    measured = Path(figures.model)
    if not measured.is_dir() or measured.resolve() != folder.resolve():
        _tell(f"The figures were measured on {figures.model}: see that it is the same model.")


def _write_card(settings: PushSettings, facts: ModelFacts, figures: Figures | None) -> None:
    """Write the card, or the figures into the one that is there; say what was not done."""
    from medusa_chat.publishing.base_licence import licence_of
    from medusa_chat.publishing.model_card import card, renewed
    from medusa_chat.publishing.model_facts import CARD

    file = settings.folder / CARD
    try:
        if file.is_file():
            text = renewed(file.read_text("utf-8"), facts, figures)
            if text is None:
                if figures is not None:
                    _tell(f"{file} is your own: it is left as it is, and has no figures.")
                return
        else:
            licence = None if facts.base is None else licence_of(facts.base)
            if licence is None:
                _tell(f"No licence of the base is known: add one to {file} if it has any.")
            text = card(facts, settings.repository, licence, figures)
        file.write_text(text, "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file} cannot be read or written ({error}): mend or move it.") from error
    if figures is None and "Not measured." in text:
        _tell("Not measured, and the card says so: --measure or --figures FILE changes that.")


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _tell(line: str) -> None:
    print(printable(line), flush=True)
