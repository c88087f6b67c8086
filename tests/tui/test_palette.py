"""The command palette over titles that somebody wrote."""

from __future__ import annotations

import pytest
from textual.command import CommandPalette

from .driving import chat


@pytest.mark.parametrize("title", ["[/foo] bar", "a[0] = b[i]", "[@click=app.quit]x[/]", "[/]"])
async def test_titles_are_text(title: str) -> None:
    async with chat(size=(100, 40)) as c:
        await c.until_shown("builtin · float32 · cpu")
        await c.send(title)
        await c.until_shown("friend")
        await c.pilot.press("ctrl+n", "ctrl+p")
        await c.until(lambda: isinstance(c.app.screen, CommandPalette))
        await c.until(lambda: f"Open: {title}" in shown_commands(c.app.screen))
        await c.pilot.press(*"open", "colon")
        await c.until(lambda: f"Open: {title}" in shown_commands(c.app.screen))
        await c.pilot.press("enter")
        await c.until(lambda: any(title in turn for turn in c.turns))


def shown_commands(screen: object) -> str:
    from textual.command import CommandList

    assert isinstance(screen, CommandPalette)
    commands = screen.query_one(CommandList)
    return "\n".join(str(option.prompt) for option in commands.options)
