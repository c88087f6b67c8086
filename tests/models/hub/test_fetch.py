from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _detect_agent
from loopback_hub import Fault, Hub

from medusa_chat.models.hub import fetch as fetching
from medusa_chat.models.hub.cache import state_of
from medusa_chat.models.hub.fetch import fetch
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.progress import Progress
from medusa_chat.models.hub.reference import Reference
from models.hub.repositories import WEIGHTS, first_bytes, partial_bytes, publish, refusal

MODEL = Reference("somebody/model")


def test_progress_is_told_to_the_end(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "REPORT_SECONDS", 0.01)
    hub.faults[WEIGHTS] = Fault(bytes_per_second=200_000)
    seen: list[Progress] = []
    fetch(make_plan(publish(hub, tmp_path)), seen.append)
    assert len(seen) > 3
    assert [progress.done_bytes for progress in seen] == sorted(p.done_bytes for p in seen)
    assert (seen[-1].state, seen[-1].done_bytes) == ("done", 40_025)
    assert state_of(MODEL) == "here"


def test_interrupt_keeps_what_came(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "REPORT_SECONDS", 0.05)
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(stall_after=9000)

    def interrupt(progress: Progress) -> None:
        if progress.done_bytes == 9025:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(make_plan(name), interrupt)
    assert partial_bytes(name) == 9000
    hub.faults.clear()
    fetch(make_plan(name), lambda _progress: None)
    assert first_bytes(hub) == [0, 9000]


def test_failure_is_raised(hub: Hub, tmp_path: Path) -> None:
    hub.faults[WEIGHTS] = Fault(corrupt=True)
    refusal(lambda: fetch(make_plan(publish(hub, tmp_path)), lambda _progress: None), "damaged")


def test_the_hub_is_not_told_who_asks(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_detect_agent, "_registry", None)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
    fetch(make_plan(publish(hub, tmp_path)), lambda _progress: None)
    assert hub.requests
    assert all("somebody/model" in request for request in hub.requests)
