"""Small repositories for the loopback Hub: the shapes of a model's, with any content."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback_hub import Fault, Hub

from medusa_chat.errors import HubError, HubErrorKind
from medusa_chat.models.hub.cache import cached_folder, repository_folder
from medusa_chat.models.hub.download import Download
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.reference import parse

WEIGHTS = "model.safetensors"
LARGE = 400_000
"""Bytes of a file that takes a while."""
PULL = (
    "import sys\n"
    "from medusa_chat.models.hub.fetch import fetch\n"
    "from medusa_chat.models.hub.plan_for import make_plan\n"
    "fetch(make_plan(sys.argv[1]), lambda progress: print(progress.done_bytes, flush=True))\n"
)
"""A program that pulls the model that it is given."""


def content(size: int) -> bytes:
    """Return bytes of which no two stretches are the same."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


def write_model(folder: Path, weights_bytes: int = 40_000, **files: str) -> Path:
    """Write a repository with a configuration, a tokenizer and one file of weights."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "README.md").write_text("Read me.")
    (folder / WEIGHTS).write_bytes(content(weights_bytes))
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def write_heads(folder: Path, base: str | None, name: str = "medusa_lm_head.pt") -> Path:
    """Write a repository of heads alone."""
    folder.mkdir(parents=True)
    config = {} if base is None else {"base_model_name_or_path": base}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / name).write_bytes(content(9_000))
    return folder


def publish(hub: Hub, tmp_path: Path, name: str = "somebody/model", size: int = 40_000) -> str:
    """Put a model on the Hub."""
    hub.folders[name] = write_model(tmp_path / "hub" / name, size)
    return name


def pull(name: str, base: str | None = None) -> Download:
    """Download a model, and return what did it."""
    download = Download(make_plan(name, base))
    download.run()
    return download


def refusal(act: Callable[[], object], kind: HubErrorKind) -> str:
    """Return the message of what fails, after checking its kind and its form."""
    with pytest.raises(HubError) as caught:
        act()
    message = str(caught.value)
    assert caught.value.kind == kind, message
    assert 1 <= len(message.splitlines()) <= 2
    return message


def in_background(download: Download) -> threading.Thread:
    """Run a download in a thread."""
    thread = threading.Thread(target=download.run)
    thread.start()
    return thread


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def first_bytes(hub: Hub, name: str = WEIGHTS) -> list[int]:
    """Return from which byte on each request asked for a file."""
    return [request.first_byte for request in hub.contents if request.name == name]


def assert_nothing_was_asked_twice(hub: Hub, name: str, size: int) -> None:
    """Check that each request for a file begins where the one before it was cut."""
    requests = [request for request in hub.contents if request.name == name]
    ends = [request.first_byte + request.sent_bytes[0] for request in requests]
    assert requests[0].first_byte == 0
    assert ends[-1] == size
    for end, request in zip(ends, requests[1:], strict=False):
        assert request.first_byte == end


def partial_bytes(name: str) -> int:
    """Return the bytes of a repository's files that are not whole yet."""
    return sum(file.stat().st_size for file in repository_folder(name).glob("blobs/*.incomplete"))


def slow_model(hub: Hub, tmp_path: Path, bytes_per_second: int = 200_000) -> str:
    """Put a model on the Hub that takes two seconds to come."""
    name = publish(hub, tmp_path, size=LARGE)
    hub.faults[WEIGHTS] = Fault(bytes_per_second=bytes_per_second)
    return name


def assert_whole(name: str, size: int = LARGE) -> None:
    """Check that a model is in the cache, and nothing half done."""
    folder = cached_folder(parse(name))
    assert folder is not None
    assert (folder / WEIGHTS).read_bytes() == content(size)
    assert partial_bytes(name) == 0
