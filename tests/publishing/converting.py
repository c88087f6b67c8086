"""Conversions as the tests of them ask for them, and heads that are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from medusa_chat.models.checkpoint import read_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.publishing import conversion
from medusa_chat.publishing.conversion import Conversion
from medusa_chat.publishing.settings import ConvertSettings, Layout


def convert(source: Path, layout: Layout, output: Path, **options: Any) -> Conversion:
    settings = ConvertSettings(str(source), layout, output, **options)
    return conversion.convert(settings, lambda _stage, _fraction: None)


def heads_in(folder: Path) -> MedusaHeads:
    heads = read_heads(folder)
    assert heads is not None
    return heads


def assert_same(one: MedusaHeads, other: MedusaHeads) -> None:
    got, wanted = one.state_dict(), other.state_dict()
    assert got.keys() == wanted.keys()
    assert [name for name in got if not torch.equal(got[name], wanted[name])] == []
