"""The findings as text: one a line, on a terminal in columns, plain where a program reads it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from medusa_chat.doctor.finding import Finding

NAME_WIDTH = 18
"""Findings are printed as they come, so the width of their names is agreed on beforehand."""

_STATUS_WIDTH = len("warning")
_INDENT = " " * (_STATUS_WIDTH + 2 + NAME_WIDTH + 2)
_NARROWEST = len(_INDENT) + 20
_REMEDY = "→ "


def report(findings: Iterable[Finding]) -> str:
    """Return all findings and the summary as text to be copied, without a last newline."""
    findings = tuple(findings)
    lines = [line for finding in findings for line in aligned(finding)]
    return "\n".join([*lines, "", summary(findings)])


def aligned(finding: Finding, columns: int | None = None) -> list[str]:
    """Return the lines of a finding in columns, wrapped to ``columns`` if that is given."""
    head = f"{finding.status:<{_STATUS_WIDTH}}  {finding.name:<{NAME_WIDTH}}  "
    lines = _wrapped(head, finding.value, columns)
    if finding.remedy:
        lines += _wrapped(_INDENT + _REMEDY, finding.remedy, columns)
    return lines


def tabbed(finding: Finding) -> str:
    """Return a finding as one line of four fields with tabs between, for ``grep`` and ``cut``."""
    return "\t".join((finding.status, finding.name, finding.value, finding.remedy))


def summary(findings: Sequence[Finding]) -> str:
    """Return the outcome of all checks in a line."""
    counts = {
        status: sum(finding.status == status for finding in findings)
        for status in ("broken", "warning")
    }
    if counts["broken"]:
        names = ", ".join(finding.name for finding in findings if finding.status == "broken")
        return f"Broken: {names}."
    if counts["warning"]:
        number = counts["warning"]
        return f"Nothing needed is broken; {number} warning{'' if number == 1 else 's'}."
    return "All is well."


def _wrapped(head: str, text: str, columns: int | None) -> list[str]:
    if columns is None or columns < _NARROWEST:
        return [(head + text).rstrip()]
    return textwrap.wrap(
        text,
        columns,
        initial_indent=head,
        subsequent_indent=_INDENT,
        # A path that is cut cannot be copied.
        break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]
