"""A repository on the Hub, and which state of it. Standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from medusa_chat.errors import UsageError

MAIN = "main"

# As the Hub has them: letters, digits, - _ . and one slash at most; no -- and no .. inside.
_REPOSITORY = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[\w-][\w./-]*", re.ASCII)
_LONGEST = 96


@dataclass(frozen=True, slots=True)
class Reference:
    """``owner/name`` at a branch, a tag or a commit, ``main`` unless somebody named another."""

    repository: str
    revision: str = MAIN

    def __str__(self) -> str:
        return self.repository if self.revision == MAIN else f"{self.repository}@{self.revision}"


def is_hub_id(text: str) -> bool:
    """Return whether ``text`` has the form ``owner/name`` or ``name``, with or without ``@rev``."""
    repository, at, revision = text.partition("@")
    return (
        bool(_REPOSITORY.fullmatch(repository))
        and len(repository) <= _LONGEST
        and "--" not in repository
        and ".." not in repository
        and not repository.endswith((".git", ".ipynb", ".", "-"))
        and (not at or (bool(_REVISION.fullmatch(revision)) and ".." not in revision))
    )


def parse(text: str) -> Reference:
    """Return the reference that ``text`` names. Raises UsageError for what cannot be on the Hub."""
    if not is_hub_id(text):
        raise UsageError(
            f"{text!r} is no name on the Hub: write owner/name, or owner/name@revision."
        )
    repository, _, revision = text.partition("@")
    return Reference(repository, revision or MAIN)
