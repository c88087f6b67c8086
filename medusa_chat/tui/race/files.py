"""The result card as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_chat.conversation.conversation import Conversation, title_of
from medusa_chat.conversation.export import export
from medusa_chat.tui.race.card import card_of, markdown
from medusa_chat.tui.race.picture import svg

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_chat.tui.race.result import RaceResult


def export_race(result: RaceResult, *folders: Path) -> tuple[Path, Path]:
    """Write the card as Markdown and as SVG into the first of the folders that takes them.

    Returns their paths. Raises MedusaChatError when none does.
    """
    card = card_of(result)
    named = Conversation(f"race {title_of(result.prompt)}", result.when)
    document = export(named, *folders, text=markdown(card), ending="md")
    return document, export(named, *folders, text=svg(card, result), ending="svg")
