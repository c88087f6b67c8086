"""One thing that was looked at, and how it stands. Standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from medusa_chat.printable import printable

Status = Literal["ok", "note", "warning", "broken"]

_TOKEN = re.compile(r"\b(hf_|api_org_)\w{6,}")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found out.

    ``note``: worth knowing, nothing to mend. ``warning``: a part of the program does not work, or
    not well (quantised models, the GPU, downloads). ``broken``: a chat with the built-in model is
    not possible, or would not be kept.
    """

    name: str
    status: Status
    value: str
    remedy: str = ""
    """What to do next; empty where there is nothing to do."""


def presentable(finding: Finding) -> Finding:
    """Return the finding fit to be shown and passed on: lines joined, no controls, no secrets."""
    return Finding(
        _plain(finding.name), finding.status, _plain(finding.value), _plain(finding.remedy)
    )


def _plain(text: str) -> str:
    text = " ".join(printable(text).split())
    return _CREDENTIALS.sub("…@", _TOKEN.sub(r"\1…", text))
