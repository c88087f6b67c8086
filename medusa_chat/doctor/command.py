"""``medusa-chat doctor``: prints each finding as it comes."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict

from medusa_chat import __version__
from medusa_chat.doctor.checks import run_checks
from medusa_chat.doctor.finding import Finding
from medusa_chat.doctor.report import aligned, summary, tabbed


def run(*, as_json: bool, offline: bool) -> int:
    """Look at everything and return the exit status: 1 when something needed is broken.

    With ``as_json`` stdout gets one object, ``{"version", "broken", "findings"}``, at the end.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    findings = run_checks(offline)
    seen = list(findings) if as_json else _show(findings)
    broken = any(finding.status == "broken" for finding in seen)
    if as_json:
        print(
            json.dumps(
                {
                    "version": __version__,
                    "broken": broken,
                    "findings": [asdict(finding) for finding in seen],
                }
            )
        )
    return int(broken)


def _show(findings: Iterable[Finding]) -> list[Finding]:
    seen = []
    for finding in findings:
        seen.append(finding)
        if sys.stdout.isatty():
            lines = aligned(finding, shutil.get_terminal_size().columns)
        else:
            lines = [tabbed(finding)]
        print("\n".join(lines), flush=True)
    # On stderr where stdout goes to a program: what that reads is findings alone.
    words = summary(seen)
    print(f"\n{words}" if sys.stdout.isatty() else words, file=_summary_stream())
    return seen


def _summary_stream() -> io.TextIOBase:
    return sys.stdout if sys.stdout.isatty() else sys.stderr  # type: ignore[return-value]
