"""Offers a download: nothing begins before the user has seen what it takes and agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_chat.tui.background import in_background
from medusa_chat.tui.screens.question import Question

if TYPE_CHECKING:
    from textual.app import App

    from medusa_chat.settings import ModelSettings
    from medusa_chat.tui.supply import Supply


async def offer(app: App[Any], supply: Supply, settings: ModelSettings) -> None:
    """Ask the Hub what a model takes, then the user, and begin. Raises MedusaChatError."""
    plan = await in_background(supply.hub.plan, settings)
    text = await in_background(supply.hub.describe, plan, settings)
    if await app.push_screen_wait(Question("Download", text, yes="fetch it")):
        supply.downloads.begin(settings.model, supply.hub.download(plan))
