"""A model, from wherever it is, in an engine of this process: what commands begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_chat.library.fetching import fetch_missing
from medusa_chat.settings import ModelSettings
from medusa_chat.status_line import StatusLine, tell

if TYPE_CHECKING:
    from medusa_chat.engine.local import Engine
    from medusa_chat.engine.protocol import Loaded


def engine_with(model: ModelSettings) -> tuple[Engine, Loaded]:
    """Fetch what is missing of ``model`` and load it; say on stderr what its user should know.

    Raises MedusaChatError where it cannot be had or loaded.
    """
    from medusa_chat.engine.local import Engine

    told = fetch_missing(model)
    engine = Engine()
    with StatusLine() as line:
        loaded = engine.load(model, line.show)
    for notice in loaded.notices:
        if notice not in told:
            tell(notice)
    return engine, loaded
