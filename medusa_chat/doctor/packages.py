"""Python and the packages, against what this program asks of them."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import medusa_chat
from medusa_chat.doctor.finding import Finding, Status

_NAME = "medusa-chat"
_AGAIN = "Install medusa-chat again, in a virtual environment of its own."
_PARTS = {
    "bitsandbytes": "--load-in-8bit and --load-in-4bit",
    "sentencepiece": "models that ship only a tokenizer.model",
    "protobuf": "models that ship only a tokenizer.model",
}
"""Packages without which only a part of the program does not work."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the program asks for, in the form of packaging metadata."""

    python: str
    requirements: tuple[str, ...]
    source: str
    """Where that is written, in words."""


def look() -> Iterator[Finding]:
    """Yield a finding for Python, this program and each package that it asks for."""
    wanted = read_wanted()
    if wanted is None:
        yield _python("")
        yield Finding(
            _NAME,
            "warning",
            f"{medusa_chat.__version__}, but what it asks for is written nowhere",
            _AGAIN,
        )
        return
    yield _python(wanted.python)
    yield _program(wanted)
    try:
        from packaging.requirements import Requirement
        from packaging.utils import canonicalize_name
    except ImportError as error:
        yield Finding("packaging", "broken", f"cannot be imported ({error})", _AGAIN)
        return
    for text in wanted.requirements:
        requirement = Requirement(text)
        if "extra" in text.partition(";")[2]:
            continue
        if requirement.marker is None or requirement.marker.evaluate():
            wanted_version = text.partition(";")[0].strip().removeprefix(requirement.name)
            # An installation writes names its own way: huggingface-hub.
            yield _package(canonicalize_name(requirement.name), wanted_version.strip())
        elif requirement.name in _PARTS:
            yield Finding(
                requirement.name,
                "note",
                f"not made for this machine: {_PARTS[requirement.name]} cannot be used",
            )


def read_wanted() -> Wanted | None:
    """Return what the installed distribution asks for, or the checkout; None if neither tells."""
    try:
        installed = importlib.metadata.distribution(_NAME)
    except importlib.metadata.PackageNotFoundError:
        return _read_checkout()
    python = installed.metadata["Requires-Python"] or ""
    return Wanted(python, tuple(installed.requires or ()), f"installed as {installed.version}")


def _read_checkout() -> Wanted | None:
    folder = Path(medusa_chat.__file__).resolve().parents[1]
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    except (OSError, ValueError, KeyError):
        return None
    return Wanted(
        project["requires-python"], tuple(project["dependencies"]), f"not installed, from {folder}"
    )


def _python(wanted: str) -> Finding:
    version = platform.python_version()
    value = f"{version} ({platform.python_implementation()}, {platform.system()} {_machine()})"
    if sys.prefix == sys.base_prefix:
        value += ", no virtual environment"
    if wanted and not _fits(version, wanted):
        return Finding(
            "Python",
            "broken",
            f"{value}, but medusa-chat asks for {wanted}",
            "Install medusa-chat with a Python of that version.",
        )
    return Finding("Python", "ok", value)


def _machine() -> str:
    return platform.machine() or "unknown machine"


def _program(wanted: Wanted) -> Finding:
    value = f"{medusa_chat.__version__}, {wanted.source}"
    if wanted.source.startswith("installed") and not wanted.source.endswith(
        f" {medusa_chat.__version__}"
    ):
        return Finding(
            _NAME,
            "warning",
            f"{value}: another copy than the installed one is running, from "
            f"{Path(medusa_chat.__file__).parent}",
            "Start it from another folder or without PYTHONPATH, or install that copy.",
        )
    return Finding(_NAME, "ok", value)


def _package(name: str, wanted: str) -> Finding:
    missing: Status = "warning" if name in _PARTS else "broken"
    without = f", for {_PARTS[name]}" if name in _PARTS else ""
    install = f'{sys.executable} -m pip install "{name}{wanted}"'
    try:
        # A folder that an installer left half removed has no version.
        version: str | None = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = None
    if not version:
        return Finding(name, missing, f"not installed; wanted {wanted}{without}", install)
    if not _fits(version, wanted):
        return Finding(name, "warning", f"{version}, but wanted is {wanted}{without}", install)
    return Finding(name, "ok", f"{version} (wanted {wanted})")


def _fits(version: str, wanted: str) -> bool:
    try:
        from packaging.specifiers import SpecifierSet
        from packaging.version import InvalidVersion
    except ImportError:
        return True
    try:
        return SpecifierSet(wanted).contains(version, prereleases=True)
    except InvalidVersion:
        return False
