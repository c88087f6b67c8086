"""Whether every colour of text can be read on every background that it stands on."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from textual.color import Color

from medusa_chat.configuration import fields
from medusa_chat.configuration.file import Configuration
from medusa_chat.tui.preferences import Preferences
from medusa_chat.tui.theme import BURST_STYLES, DEPTH_STYLES, THEMES

from .driving import FIGURES, chat

if TYPE_CHECKING:
    from pathlib import Path

    from textual.theme import Theme

READABLE = 4.5
"""The contrast that the Web Content Accessibility Guidelines ask of text (1.4.3, level AA)."""
GROUNDS = ("background", "surface", "panel")
TEXTS = (
    *("foreground", "text-muted", "text-primary", "text-secondary", "text-success"),
    *("text-warning", "text-accent", "text-error"),
)
NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
PALETTES = {
    "xterm": "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 "
    "7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff",
    "VGA": "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa "
    "555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff ffffff",
    "Windows": "000000 800000 008000 808000 000080 800080 008080 c0c0c0 "
    "808080 ff0000 00ff00 ffff00 0000ff ff00ff 00ffff ffffff",
}
OF_RGB = [theme for theme in THEMES if not theme.ansi]
OF_THE_TERMINAL = [theme for theme in THEMES if theme.ansi]


def contrast(one: Color, other: Color) -> float:
    """Return the ratio of two colours' luminance, as the guidelines define it."""

    def luminance(colour: Color) -> float:
        parts = [part / 255 for part in colour.rgb]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def on(ground: Color, text: str) -> Color:
    """Return the colour that a text has on a ground: some are made from it."""
    if text.startswith("auto"):
        share = float(text.removeprefix("auto").strip().rstrip("%") or 100) / 100
        return ground.blend(ground.get_contrast_text(1.0), share)
    return Color.parse(text)


def test_the_settings_file_knows_the_themes() -> None:
    assert tuple(theme.name for theme in THEMES) == fields.THEMES


def test_the_contrast_of_black_and_white() -> None:
    assert contrast(Color.parse("#fff"), Color.parse("#000")) == pytest.approx(21)
    assert contrast(Color.parse("#777"), Color.parse("#fff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", OF_RGB, ids=lambda theme: theme.name)
def test_texts_and_bursts_can_be_read(theme: Theme) -> None:
    colours = theme.to_color_system().generate()
    for ground in GROUNDS:
        below = Color.parse(colours[ground])
        for text in TEXTS:
            ratio = contrast(below, on(below, colours[text]))
            assert ratio >= READABLE, f"{text} on {ground}: {ratio:.2f}"


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("theme", OF_THE_TERMINAL, ids=lambda theme: theme.name)
def test_the_terminals_colours_can_be_read(theme: Theme, palette: str) -> None:
    shades = PALETTES[palette].split()
    names = [f"ansi_{name}" for name in NAMES] + [f"ansi_bright_{name}" for name in NAMES]
    seen = {name: Color.parse(f"#{shade}") for name, shade in zip(names, shades, strict=True)}
    ground = seen["ansi_black"] if theme.dark else seen["ansi_bright_white"]
    seen["ansi_default"] = seen["ansi_white"] if theme.dark else seen["ansi_black"]
    colours = theme.to_color_system().generate()
    for text in TEXTS:
        ratio = contrast(ground, seen[colours[text]])
        assert ratio >= READABLE, f"{text} ({colours[text]}): {ratio:.2f}"


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_bursts_beside_one_another_differ(theme: Theme) -> None:
    colours = theme.to_color_system().generate()
    bursts = [colours[style.removeprefix("$")] for style in BURST_STYLES]
    assert all(one != other for one, other in pairwise([*bursts, bursts[0]]))
    depths = [colours[colour.removeprefix("$")] for colour, _ in DEPTH_STYLES]
    marks = [mark for _, mark in DEPTH_STYLES]
    assert len(set(zip(depths, marks, strict=True))) == len(DEPTH_STYLES)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
async def test_a_chat_is_shown_in_every_theme(theme: Theme) -> None:
    preferences = Preferences(Configuration(), theme=theme.name)
    async with chat(preferences=preferences) as c:
        await c.send("Hi")
        await c.until_shown(FIGURES)
        assert c.app.theme == theme.name
        assert c.app.native_ansi_color is theme.ansi


async def test_a_theme_is_chosen_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    async with chat(preferences=Preferences(Configuration(file))) as c:
        await c.send("/theme light")
        await c.until(lambda: c.app.theme == "medusa-light")
        await c.send("/theme pink")
        await c.until_shown("/theme 'pink' is not known")
    assert 'theme = "medusa-light"' in file.read_text()


async def test_no_colour_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with chat() as c:
        await c.send("Hi")
        await c.until_shown(FIGURES)
        triplets = [
            part.triplet
            for strip in c.app.screen._compositor.render_strips()
            for segment in strip.apply_filter(c.app._filters[-1], Color(0, 0, 0))
            if segment.style is not None
            for part in (segment.style.color, segment.style.bgcolor)
            if part is not None and part.triplet is not None
        ]
        assert triplets
        assert all(max(triplet) - min(triplet) <= 1 for triplet in triplets)
