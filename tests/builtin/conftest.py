"""The scripts that make the built-in model are run in their folder, so that is on the path here."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from medusa_chat.paths import shipped


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(shipped("assets/builtin")))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name in {"average", "corpus", "make", "rows"} or name.split(".")[0] == "grammar":
            del sys.modules[name]
