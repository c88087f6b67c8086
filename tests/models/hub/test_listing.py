"""What is asked of the Hub before anything is downloaded, and how it may refuse."""

from __future__ import annotations

from pathlib import Path

import loopback_hub
import pytest
from huggingface_hub import constants
from loopback_hub import COMMIT, Hub, Refusal, serving

from medusa_chat.errors import HubErrorKind, ModelError, UsageError
from medusa_chat.models.hub.cache import root
from medusa_chat.models.hub.listing import list_repository
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.reference import Reference, parse
from models.hub.repositories import (
    WEIGHTS,
    publish,
    pull,
    refusal,
    write_heads,
    write_model,
)

OTHER = "fedcba9876543210fedcba9876543210fedcba98"


def test_one_request_tells_everything(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    listing = list_repository(parse(name))
    assert hub.requests == [f"GET /api/models/{name}/revision/main"]
    assert listing.commit == COMMIT
    assert listing.licence == "apache-2.0"
    assert not listing.gated
    sizes = {file.name: file.size for file in listing.files}
    assert sizes == {"README.md": 8, "config.json": 23, "tokenizer.json": 2, WEIGHTS: 40_000}
    assert {len(file.etag) for file in listing.files} == {40, 64}
    plan = listing.plan()
    assert {file.name for file in plan.files} == {"config.json", "tokenizer.json", WEIGHTS}
    assert (plan.total_bytes, plan.bytes_here) == (40_025, 0)


def test_planning_writes_nothing(hub: Hub, tmp_path: Path) -> None:
    make_plan(publish(hub, tmp_path))
    assert not root().exists()


def test_licence_that_would_steer_the_terminal(hub: Hub, tmp_path: Path) -> None:
    hub.licence = "mit\x1b[2J"
    assert list_repository(parse(publish(hub, tmp_path))).licence == "mit[2J"


def test_repository_that_is_not_to_be_trusted(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.names_added[name] = ["../../evil.json"]
    assert "not to be trusted" in refusal(lambda: make_plan(name), "server")


@pytest.mark.parametrize("checksum", ["../../../evil", "", "0" * 39, "A" * 40])
def test_checksum_that_is_none(
    checksum: str, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = publish(hub, tmp_path)
    monkeypatch.setattr(loopback_hub, "_git_sha1", lambda _file: checksum)
    assert name in refusal(lambda: make_plan(name), "server")


def test_commit_that_is_none(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.revisions[name, "next"] = hub.folders[name]
    hub.commits["next"] = "../../../evil"
    refusal(lambda: make_plan(f"{name}@next"), "server")


def test_revision_that_was_asked_for(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.revisions[name, "fp16"] = write_model(tmp_path / "fp16", 8)
    hub.commits["fp16"] = OTHER
    for revision in ("fp16", OTHER):
        plan = make_plan(f"{name}@{revision}").repositories[0]
        assert (plan.commit, plan.total_bytes) == (OTHER, 33)
        assert plan.reference == Reference(name, revision)
    assert make_plan(name).repositories[0].commit == COMMIT


@pytest.mark.parametrize(
    ("refused", "kind", "said"),
    [
        (Refusal(401, "RepoNotFound"), "not_found", "check the name"),
        (Refusal(404, "RepoNotFound", "Repository not found"), "not_found", "HF_TOKEN"),
        (Refusal(403, "RepoNotFound"), "not_found", "check the name"),
        (Refusal(401, "GatedRepo", "restricted"), "gated", "accept its licence"),
        (Refusal(403, "GatedRepo", "restricted"), "gated", "accept its licence"),
        (
            Refusal(401, message="Invalid credentials in Authorization header"),
            "unauthorized",
            "set HF_TOKEN",
        ),
        (Refusal(403, message="Forbidden"), "unauthorized", "set HF_TOKEN"),
        (Refusal(403, message="Access to this resource is disabled."), "not_found", "has closed"),
        (Refusal(404, "RevisionNotFound"), "no_revision", "main"),
        (Refusal(429), "rate_limited", "try again in five minutes"),
        (Refusal(500), "server", "try again later"),
        (Refusal(503), "server", "try again later"),
        (Refusal(200), "server", "HF_ENDPOINT"),  # a page to log in to a network, say
        (Refusal(418, message="\x1b[2Jtea"), "server", "418"),
    ],
    ids=str,
)
def test_hub_that_refuses(refused: Refusal, kind: HubErrorKind, said: str, hub: Hub) -> None:
    hub.refusals["somebody/model"] = refused
    message = refusal(lambda: make_plan("somebody/model"), kind)
    assert "somebody/model" in message
    assert said in message
    assert message.replace("\n", "").isprintable()
    assert {request.split()[0] for request in hub.requests} == {"GET"}


def test_name_and_revision_that_are_not_there(hub: Hub, tmp_path: Path) -> None:
    assert "nobody/nothing" in refusal(lambda: make_plan("nobody/nothing"), "not_found")
    name = publish(hub, tmp_path)
    assert "@none" in refusal(lambda: make_plan(f"{name}@none"), "no_revision")
    with pytest.raises(UsageError, match="owner/name"):
        make_plan("no name")


def test_hub_that_is_down(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Hub()) as gone:
        pass
    monkeypatch.setattr(constants, "ENDPOINT", gone.url)
    message = refusal(lambda: make_plan("somebody/model"), "unreachable")
    assert gone.url in message


@pytest.mark.parametrize("endpoint", ["no address", "ftp://somewhere", "http://[::1"])
def test_endpoint_that_is_no_address(
    endpoint: str, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    with pytest.raises(ModelError, match=r"HF_ENDPOINT|network"):
        make_plan("somebody/model")


def test_offline_by_choice(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = publish(hub, tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refusal(lambda: make_plan(name), "offline")
    assert hub.requests == []


def test_gated_model(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = publish(hub, tmp_path)
    hub.gated.add(name)
    hub.tokens |= {"hf_mine": "me", "hf_yours": "you"}
    hub.readers.add("me")
    page = f"{hub.url}/{name}"
    nobody = refusal(lambda: make_plan(name), "gated")
    assert page in nobody
    assert "then set HF_TOKEN or run `hf auth login`" in nobody
    monkeypatch.setenv("HF_TOKEN", "hf_yours")
    you = refusal(lambda: make_plan(name), "gated")
    assert f"As you, accept its licence at {page}" in you
    assert "hf auth login" not in you  # it is a good token
    assert "HF_TOKEN" in you
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    message = refusal(lambda: make_plan(name), "unauthorized")
    assert "change HF_TOKEN, or unset it and run `hf auth login`" in message
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    assert make_plan(name).repositories[0].gated
    pull(name)


def test_gated_base(hub: Hub, tmp_path: Path) -> None:
    base = publish(hub, tmp_path)
    hub.gated.add(base)
    hub.folders["somebody/heads"] = write_heads(tmp_path / "heads", base)
    assert base in refusal(lambda: make_plan("somebody/heads"), "gated")


@pytest.mark.parametrize(
    ("missing", "said"),
    [(WEIGHTS, "no weights"), ("config.json", "config.json"), ("tokenizer.json", "no tokenizer")],
)
def test_what_is_no_model(missing: str, said: str, hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    (hub.folders[name] / missing).unlink()
    assert said in refusal(lambda: make_plan(name), "no_weights")
