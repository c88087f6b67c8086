"""The bottom line shows whole hints alone."""

from __future__ import annotations

import pytest
from textual.widgets import Footer

from .driving import chat


@pytest.mark.parametrize("key", ["", "ctrl+l", "f4"])
@pytest.mark.parametrize("width", [60, 80, 120])
async def test_no_hint_is_cut_and_the_help_is_always_named(key: str, width: int) -> None:
    async with chat(size=(100, 24)) as c:
        await c.until_shown("Medusa on")
        await c.pilot.press(*([key] if key else []))
        await c.settle()
        await c.pilot.resize_terminal(width, 24)
        await c.settle()
        footer = c.app.screen.query_one(Footer)
        shown = [hint for hint in footer.children if hint.display]
        assert all(hint.region.right <= width for hint in shown)
        assert all(hint.region.width == hint.virtual_region.width > 0 for hint in shown)
        line = c.app.screen._compositor.render_strips()[-1].text
        assert "F1 Help" in line
        assert "Esc " in line
        assert ("F4 Models" in line) == (width > 80 or (width == 80 and not key))
