"""What stands in for a GPU where whole steps are recorded as graphs."""

from __future__ import annotations

import pytest

from medusa_chat.decoding.lean import graph
from medusa_chat.decoding.mixed_drafting import MixedDrafter

from .graphed import Captures


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> Captures:
    """Replace the capture; return what was captured."""
    replaced = Captures()
    monkeypatch.setattr(graph, "capture", replaced)
    return replaced


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grow eager trees as graphs do: among equals the host's growth takes others."""
    monkeypatch.setattr(MixedDrafter, "_grow_on_host", MixedDrafter._grow_on_device)
