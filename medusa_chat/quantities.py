"""Sizes, rates and times as a person reads them. Standard library only."""

from __future__ import annotations


def size(count: float) -> str:
    """Return bytes in decimal units, three digits: ``14.5 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return _three_digits(count, unit)
        count /= 1000
    return _three_digits(count, "TB")


def rate(bytes_per_second: float | None) -> str:
    """Return a rate, ``34.1 MB/s``; a dash where there is none."""
    return "—" if bytes_per_second is None else f"{size(bytes_per_second)}/s"


def duration(seconds: float) -> str:
    """Return a time in its two largest units: ``1 h 05 min``, ``4 min 10 s``, ``12 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} days"


def percent(part: float, whole: float) -> str:
    """Return a part of a whole, rounded down, so that 100 % is said only of all of it."""
    return f"{int(100 * part / whole) if whole else 100}%"


def _three_digits(count: float, unit: str) -> str:
    if unit == "B" or count >= 99.95:
        return f"{count:.0f} {unit}"
    return f"{count:.1f} {unit}" if count >= 9.995 else f"{count:.2f} {unit}"
