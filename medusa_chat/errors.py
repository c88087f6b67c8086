"""What can go wrong, in words for the person at the keyboard.

    MedusaChatError         exit status 1
    ├── UsageError          exit status 2: an option, an argument or a prompt is wrong
    ├── ModelError          a model, its heads or its files cannot be used
    ├── ContextFullError    a prompt does not fit the model's context
    └── EngineError         the process that runs the model failed

A message says what happened, with the value received, and what to do next, in one or two lines.
"""


class MedusaChatError(Exception):
    """Any failure that a user can cause or meet; ``str(error)`` is the whole message."""

    exit_status = 1


class UsageError(MedusaChatError):
    """An option, an argument or a prompt has a value that cannot be used."""

    exit_status = 2


class ModelError(MedusaChatError):
    """A model, its heads or its files cannot be used."""


class ContextFullError(MedusaChatError):
    """A prompt leaves no room for a reply in the model's context."""


class EngineError(MedusaChatError):
    """The engine process could not start, or ended before its work was done."""
