"""The model that ships with the program: its files, and whether it answers."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path

from medusa_chat import paths
from medusa_chat.doctor.facts import BuiltinFacts
from medusa_chat.doctor.finding import Finding
from medusa_chat.doctor.inquiry import NoAnswer
from medusa_chat.quantities import size

_AGAIN = "Install medusa-chat again."
_SLOW_STEP_SECONDS = 0.1
"""Some twenty times what one takes on one core of a small machine."""
_HEADER_LENGTH_BYTES = 8


def files(folder: Path | None = None) -> Iterator[Finding]:
    """Yield whether its files are all there and whole; ``folder`` stands in for the shipped one."""
    name = "built-in files"
    try:
        folder = folder or paths.shipped("assets/builtin")
    except FileNotFoundError as error:
        yield Finding(name, "broken", str(error), _AGAIN)
        return
    weights = sorted(folder.rglob("*.safetensors"))
    wanted = (folder / "base/config.json", folder / "base/tokenizer.json")
    missing = [file.name for file in wanted if not file.is_file()]
    if not any(file.parent.name == "base" for file in weights):
        missing.append("base/*.safetensors")
    if not any(file.parent.name == "medusa" for file in weights):
        missing.append("medusa/*.safetensors")
    if missing:
        yield Finding(name, "broken", f"missing in {folder}: {', '.join(missing)}", _AGAIN)
        return
    damaged = [problem for file in weights if (problem := _damage(file))]
    installed = _installed_checksums(folder)
    damaged += [
        f"{file.name} is not what was installed"
        for file, checksum in installed.items()
        if not file.is_file() or _checksum(file) != checksum
    ]
    if damaged:
        yield Finding(name, "broken", f"damaged in {folder}: {'; '.join(damaged)}", _AGAIN)
        return
    total = size(sum(file.stat().st_size for file in weights))
    how = "checksums right" if installed else "whole"
    yield Finding(name, "ok", f"{total} of weights, {how}, in {folder}")


def findings(facts: BuiltinFacts | NoAnswer) -> Iterator[Finding]:
    """Yield whether the built-in model loads and answers, and how fast."""
    name = "built-in model"
    if isinstance(facts, NoAnswer):
        yield Finding(name, "broken", f"does not answer: {facts.reason}", _AGAIN)
        return
    step = facts.decode_seconds / max(facts.steps, 1)
    value = (
        f"loads in {facts.load_seconds:.1f} s on {facts.device}, {facts.tokens} tokens in "
        f"{facts.steps} steps of {step * 1000:.1f} ms"
    )
    if facts.launches:
        value += f" ({facts.launches})"
    if facts.plain_reason:
        yield Finding(name, "warning", f"{value}, without Medusa: {facts.plain_reason}", _AGAIN)
    elif step > _SLOW_STEP_SECONDS:
        yield Finding(
            name,
            "warning",
            f"{value}, which is slow",
            "Something else may keep the machine busy; if not, try OMP_NUM_THREADS=1.",
        )
    else:
        yield Finding(name, "ok", value)


def _damage(file: Path) -> str:
    """Return what is wrong with a safetensors file, by its own header; empty when it is whole."""
    have = file.stat().st_size
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(_HEADER_LENGTH_BYTES), "little")
            if length > have:
                return f"{file.name} has no header"
            header = json.loads(opened.read(length))
        ends = [tensor["data_offsets"][1] for key, tensor in header.items() if key[:2] != "__"]
        wanted = _HEADER_LENGTH_BYTES + length + max(ends)
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{file.name} has no header"
    return "" if have == wanted else f"{file.name} has {have} bytes of {wanted}"


def _installed_checksums(folder: Path) -> dict[Path, str]:
    """Return what the installer noted for each file under ``folder``; nothing for a checkout."""
    try:
        listed = importlib.metadata.distribution("medusa-chat").files or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    return {
        Path(str(file.locate())).resolve(): file.hash.value
        for file in listed
        if file.hash is not None
        and file.hash.mode == "sha256"
        and Path(str(file.locate())).resolve().is_relative_to(folder)
        and file.suffix != ".pyc"
    }


def _checksum(file: Path) -> str:
    # As an installer's RECORD has it.
    digest = hashlib.sha256(file.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
