"""The colours. Bursts take the five text colours that every theme has, so any theme will do."""

from __future__ import annotations

from textual.theme import Theme

MEDUSA_DARK = Theme(
    name="medusa-dark",
    primary="#6ea8dc",
    secondary="#a493d6",
    success="#6fbfa8",
    warning="#d9b36c",
    error="#e07a7a",
    accent="#d68fb0",
    foreground="#d5d9e0",
    background="#12151b",
    surface="#191d25",
    panel="#222833",
    dark=True,
    variables={
        # Alike in lightness, so that a page of bursts stays even to the eye.
        "text-primary": "#a9cdf0",
        "text-warning": "#e8d3a4",
        "text-secondary": "#c9bdf0",
        "text-success": "#a5dccb",
        "text-accent": "#efbdd2",
        "footer-key-foreground": "#a9cdf0",
        "input-selection-background": "#6ea8dc 35%",
    },
)

THEMES = (MEDUSA_DARK,)

BURST_STYLES = (
    "$text-primary",
    "$text-warning",
    "$text-success",
    "$text-accent",
    "$text-secondary",
)

DEPTH_STYLES = (
    ("$text-primary", ""),
    ("$text-success", "underline"),
    ("$text-warning", "bold underline"),
    ("$text-accent", "italic underline"),
    ("$text-secondary", "bold italic underline"),
)
"""A colour and a mark for a burst's root, and for what each head guessed; the last for all more."""
