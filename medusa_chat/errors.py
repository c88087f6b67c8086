"""What can go wrong, in words for the person at the keyboard.

    MedusaChatError         exit status 1
    ├── UsageError          exit status 2: an option, an argument or a prompt is wrong
    ├── ModelError          a model, its heads or its files cannot be used
    │   └── HubError        the Hub does not give a model; ``kind`` says why
    ├── ContextFullError    a prompt does not fit the model's context
    ├── StorageError        the chats cannot be read or written; ``kind`` says why
    └── EngineError         the process that runs the model failed

A message says what happened, with the value received, and what to do next, in one or two lines.
"""

from __future__ import annotations

from typing import Literal

INTERRUPTED = 130
"""The exit status after Ctrl+C: 128 + SIGINT, as shells have it."""

HubErrorKind = Literal[
    "not_found",  # no such repository, or a private one and no token
    "no_revision",
    "no_weights",  # a repository without any file of a model
    "gated",  # its licence has to be accepted first
    "unauthorized",  # the token is wrong, or does not reach this repository
    "offline",  # offline mode is on
    "unreachable",  # no network, or the Hub does not answer
    "rate_limited",
    "server",  # the Hub failed, or answers what cannot be
    "damaged",  # what came is not what was promised
    "no_space",
    "unwritable",  # the cache's folder
    "missing",  # not in the cache, and nobody has asked to fetch it
]


StorageErrorKind = Literal[
    "damaged",  # the file is no database, or a broken one
    "newer",  # a later program wrote it
    "unwritable",  # permissions, a read-only disk, a folder that is not there
    "full",  # the disk
    "busy",  # another program holds it
    "failed",  # anything else that the disk or the file does
]


class MedusaChatError(Exception):
    """Any failure that a user can cause or meet; ``str(error)`` is the whole message."""

    exit_status = 1


class UsageError(MedusaChatError):
    """An option, an argument or a prompt has a value that cannot be used."""

    exit_status = 2


class ModelError(MedusaChatError):
    """A model, its heads or its files cannot be used."""


class HubError(ModelError):
    """The Hub does not give a model. ``repository`` is the one that it concerns."""

    def __init__(self, message: str, kind: HubErrorKind, repository: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.repository = repository


class ContextFullError(MedusaChatError):
    """A prompt leaves no room for a reply in the model's context."""


class StorageError(MedusaChatError):
    """The chats cannot be read or written."""

    def __init__(self, message: str, kind: StorageErrorKind) -> None:
        super().__init__(message)
        self.kind = kind


class EngineError(MedusaChatError):
    """The engine process could not start, or ended before its work was done."""
