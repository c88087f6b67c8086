"""What widgets tell their screen, and a screen the application: things that happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from medusa_chat.engine.protocol import Loaded
    from medusa_chat.errors import MedusaChatError


@dataclass
class PromptSubmitted(Message):
    """The user sent this prompt."""

    text: str


@dataclass
class ModelUnavailable(Message):
    """The Hub does not give the model that was asked for."""

    error: MedusaChatError


@dataclass
class ModelLoaded(Message):
    """A model is ready."""

    loaded: Loaded
