"""Offers a download: nothing begins before the user has seen what it takes and agreed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from medusa_chat.errors import HubError, ModelError
from medusa_chat.tui.background import in_background
from medusa_chat.tui.screens.base import BaseScreen
from medusa_chat.tui.screens.question import Question

if TYPE_CHECKING:
    from textual.app import App

    from medusa_chat.settings import ModelSettings
    from medusa_chat.tui.supply import Supply


async def offer(
    app: App[Any], supply: Supply, settings: ModelSettings, doubt: str = ""
) -> ModelSettings | None:
    """Ask the Hub what a model takes, then the user, and begin. Raises MedusaChatError.

    In ``doubt`` of the base of heads, which may turn up here too, the user is asked for that first.
    Returns the settings by which it can be loaded at once where there is nothing to be fetched.
    """
    while True:
        if doubt:
            base = await app.push_screen_wait(BaseScreen(doubt))
            if base is None:
                return None
            settings = replace(settings, base_model=base)
        try:
            if await in_background(supply.hub.is_here, settings):
                return settings
            plan = await in_background(supply.hub.plan, settings)
        except HubError:
            raise
        except ModelError as error:  # of what is on the Hub, only the base can be wrong
            doubt = str(error)
        else:
            break
    text = await in_background(supply.hub.describe, plan, settings)
    if await app.push_screen_wait(Question("Download", text, yes="fetch it")):
        supply.downloads.begin(settings.model, supply.hub.download(plan))
    return None
