"""What the terminal can show, as far as the environment tells; it is not asked anything itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import TextIO

from medusa_chat.doctor.finding import Finding

LEAST_COLUMNS, LEAST_LINES = 60, 16

_UTF8 = {"utf-8", "utf8", "utf_8"}
_NO_CLIPBOARD = {"Apple_Terminal": "macOS's Terminal"}
"""Terminals known not to set the clipboard by OSC 52, by TERM_PROGRAM."""


def look(
    environment: Mapping[str, str] = os.environ, stream: TextIO | None = sys.__stdout__
) -> Iterator[Finding]:
    """Yield the terminal's kind, size, colours, encoding, and how copying works in it."""
    on_terminal = stream is not None and _is_terminal(stream)
    yield _kind(environment, on_terminal)
    if stream is not None and on_terminal:
        yield _size(stream)
    yield _colours(environment)
    yield _encoding(environment, stream)
    yield _clipboard(environment)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _kind(environment: Mapping[str, str], on_terminal: bool) -> Finding:
    term = environment.get("TERM", "")
    parts = [f"TERM is {term!r}" if term else "TERM is not set"]
    program = environment.get("TERM_PROGRAM")
    if program:
        parts.append(f"{program} {environment.get('TERM_PROGRAM_VERSION', '')}".strip())
    if environment.get("TMUX"):
        parts.append("in tmux")
    elif environment.get("STY"):
        parts.append("in screen")
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        parts.append("over ssh")
    if not on_terminal:
        parts.append("the output goes elsewhere")
    value = ", ".join(parts)
    # Windows has terminals without the variable.
    if on_terminal and sys.platform != "win32" and term in ("", "dumb", "unknown"):
        return Finding(
            "terminal",
            "warning",
            value,
            "The chat needs a terminal that can move the cursor: try TERM=xterm-256color.",
        )
    return Finding("terminal", "ok" if on_terminal else "note", value)


def _size(stream: TextIO) -> Finding:
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError) as error:
        return Finding("terminal size", "note", f"not known ({error})")
    value = f"{columns} columns, {lines} lines"
    if columns < LEAST_COLUMNS or lines < LEAST_LINES:
        return Finding(
            "terminal size",
            "warning",
            value,
            f"The chat needs {LEAST_COLUMNS} by {LEAST_LINES}: make the window larger.",
        )
    return Finding("terminal size", "ok", value)


def _colours(environment: Mapping[str, str]) -> Finding:
    term = environment.get("TERM", "")
    if environment.get("NO_COLOR"):
        return Finding("colours", "note", "off: NO_COLOR is set", "Unset it to see colours.")
    if environment.get("COLORTERM") in ("truecolor", "24bit") or term.endswith("-direct"):
        return Finding("colours", "ok", "16 million")
    if "256" in term:
        return Finding(
            "colours", "ok", "256 (COLORTERM is not 'truecolor'; set it if the terminal has more)"
        )
    return Finding(
        "colours",
        "note",
        "16 or fewer, by TERM and COLORTERM",
        "If the terminal has more: TERM=xterm-256color, and COLORTERM=truecolor.",
    )


def _encoding(environment: Mapping[str, str], stream: TextIO | None) -> Finding:
    encoding = str(getattr(stream, "encoding", None) or "unknown")
    locale = next(
        (f", {name}={environment[name]}" for name in ("LC_ALL", "LC_CTYPE", "LANG")
         if environment.get(name)),
        "",
    )  # fmt: skip
    if encoding.lower() not in _UTF8:
        return Finding(
            "encoding",
            "warning",
            f"{encoding}{locale}: lines and signs may be replaced",
            "Set LANG=C.UTF-8, or PYTHONUTF8=1.",
        )
    return Finding("encoding", "ok", f"{encoding}{locale}")


def _clipboard(environment: Mapping[str, str]) -> Finding:
    name, how = "clipboard", "copying asks the terminal (OSC 52)"
    program = environment.get("TERM_PROGRAM", "")
    if environment.get("TMUX"):
        return Finding(
            name,
            "note",
            f"{how}, through tmux",
            "tmux lets it through with: set -s set-clipboard on",
        )
    if environment.get("STY"):
        return Finding(
            name, "note", f"{how}; screen does not pass it on", "Hold Shift to select by the mouse."
        )
    if program in _NO_CLIPBOARD or environment.get("VTE_VERSION"):
        which = _NO_CLIPBOARD.get(program, "a VTE terminal (GNOME's and others)")
        return Finding(
            name,
            "note",
            f"{how}; {which} may not do it",
            "Hold Shift (Fn in macOS's Terminal) to select by the mouse.",
        )
    return Finding(name, "ok", f"{how}; some have to be allowed to")
