"""``medusa-chat push`` against a loopback Hub: what goes there, what does not, and why not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command_line import Call
from huggingface_hub import constants
from loopback_hub import Refusal
from tiny_models import random_heads, save_base, save_heads

from medusa_chat.publishing import figures
from medusa_chat.publishing.figures import parse
from publishing.conftest import BASE
from publishing.measurements import record
from publishing.uploading_hub import UploadingHub

# huggingface_hub's own way of sending a large file.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")
REPOSITORY = "me/my-heads"
FILES = ["README.md", "config.json", "medusa_lm_head.safetensors"]


@pytest.fixture(autouse=True)
def base(hub: UploadingHub, tmp_path: Path) -> None:
    hub.folders[BASE] = save_base(tmp_path / "base", "llama")


def push(command: Call, *options: str) -> list[str]:
    """Push with these options, and return what was said."""
    ended = command("push", "heads", "--repo", REPOSITORY, *options)
    assert ended.status == 0, ended.err
    return ended.out.splitlines()


def test_heads_and_their_card_are_uploaded(hub: UploadingHub, heads: Path, command: Call) -> None:
    said = push(command, "--yes", "--message", "First heads")
    assert hub.commits_made == [(REPOSITORY, "First heads", FILES)]
    published = hub.folders[REPOSITORY]
    for name in FILES:
        assert (published / name).read_bytes() == (heads / name).read_bytes()
    assert REPOSITORY not in hub.private
    text = (published / "README.md").read_text("utf-8")
    assert 'base_model: "somebody/base"' in text
    assert 'license: "apache-2.0"' in text
    assert "Not measured." in text
    sizes = next(at for at, line in enumerate(said) if line.startswith("  medusa_lm_head"))
    asked = next(at for at, line in enumerate(said) if "a new public repository" in line)
    assert sizes < asked
    assert "Left out: training-state.json." in said
    assert said[-1] == f"Uploaded: {hub.url}/{REPOSITORY}"


def test_figures_from_a_file(hub: UploadingHub, heads: Path, command: Call) -> None:
    Path("bench.json").write_text("a table\n" + json.dumps(record("heads")) + "\n", "utf-8")
    push(command, "--yes", "--figures", "bench.json")
    text = (hub.folders[REPOSITORY] / "README.md").read_text("utf-8")
    assert "| dynamic (dynamic, 8 nodes) | 188 | 1.87 | 2.46 |" in text
    assert "Not measured" not in text


def test_figures_measured_now(
    hub: UploadingHub, heads: Path, command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(folder: Path) -> figures.Figures:
        found = parse(json.dumps(record(str(folder))))
        assert found is not None
        return found

    monkeypatch.setattr("medusa_chat.publishing.push_command.measure", measured)
    push(command, "--yes", "--measure")
    assert "| 188 | 1.87 | 2.46 |" in (hub.folders[REPOSITORY] / "README.md").read_text("utf-8")


@pytest.mark.parametrize(("answer", "is_sent"), [("y", True), ("", False), ("no", False)])
def test_a_public_upload_is_asked_about(
    answer: str,
    is_sent: bool,
    hub: UploadingHub,
    heads: Path,
    command: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    monkeypatch.setattr("medusa_chat.publishing.push_command._can_ask", lambda: True)
    ended = command("push", "heads", "--repo", REPOSITORY)
    assert ended.status == (0 if is_sent else 1)
    assert len(hub.commits_made) == is_sent
    assert ("Nothing was uploaded." in ended.out) is not is_sent


def test_nobody_to_ask(hub: UploadingHub, heads: Path, command: Call) -> None:
    assert "--yes" in command("push", "heads", "--repo", REPOSITORY).said(2)
    assert hub.commits_made == []
    assert REPOSITORY not in hub.folders


def test_a_new_private_repository_needs_no_question(
    hub: UploadingHub, heads: Path, command: Call
) -> None:
    push(command, "--private")
    assert REPOSITORY in hub.private
    # What would be replaced is asked about there too.
    assert "--yes" in command("push", "heads", "--repo", REPOSITORY).said(2)
    said = push(command, "--yes")
    assert any("in place of its README.md, config.json, medusa_lm" in line for line in said)
    assert len(hub.commits_made) == 2


def test_what_is_public_does_not_become_private(
    hub: UploadingHub, heads: Path, command: Call
) -> None:
    push(command, "--yes")
    ended = command("push", "heads", "--repo", REPOSITORY, "--private", "--yes")
    assert "there already, and public" in ended.said(2)
    assert len(hub.commits_made) == 1


def test_weights_of_before_are_named(hub: UploadingHub, heads: Path, command: Call) -> None:
    hub.folders[REPOSITORY] = hub.root / REPOSITORY
    hub.folders[REPOSITORY].mkdir(parents=True)
    for name in ("model.safetensors", "notes.md"):
        (hub.folders[REPOSITORY] / name).touch()
    said = push(command, "--yes")
    assert any(line.startswith("model.safetensors stays there too") for line in said)
    assert (hub.folders[REPOSITORY] / "model.safetensors").is_file()


def test_the_card_alone(hub: UploadingHub, heads: Path, command: Call) -> None:
    said = push(command, "--card-only")
    assert (heads / "README.md").is_file()
    assert "Nothing was uploaded" in said[-1]
    assert not any(request.startswith(("POST", "PUT")) for request in hub.requests)


def test_a_card_of_one_s_own_is_kept(hub: UploadingHub, heads: Path, command: Call) -> None:
    (heads / "README.md").write_text("# Mine\n", "utf-8")
    Path("bench.json").write_text(json.dumps(record("heads")), "utf-8")
    said = push(command, "--yes", "--figures", "bench.json")
    assert (hub.folders[REPOSITORY] / "README.md").read_text("utf-8") == "# Mine\n"
    assert any("is your own: it is left as it is" in line for line in said)


def test_new_figures_take_the_place_of_old_ones(
    hub: UploadingHub, heads: Path, command: Call
) -> None:
    push(command, "--yes")
    card = heads / "README.md"
    card.write_text(card.read_text("utf-8") + "\nWords of my own.\n", "utf-8")
    Path("bench.json").write_text(json.dumps(record("heads")), "utf-8")
    push(command, "--yes", "--figures", "bench.json")
    text = (hub.folders[REPOSITORY] / "README.md").read_text("utf-8")
    assert "Not measured" not in text
    assert text.count("## Speed") == 1
    assert text.endswith("Words of my own.\n")
    push(command, "--yes")
    assert card.read_text("utf-8") == text


def test_no_token(
    hub: UploadingHub, heads: Path, command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    message = command("push", "heads", "--repo", REPOSITORY, "--yes").said(1)
    assert "without a token" in message
    assert "settings/tokens" in message
    assert not (heads / "README.md").exists()


def test_a_wrong_token(
    hub: UploadingHub, heads: Path, command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    message = command("push", "heads", "--repo", REPOSITORY, "--yes").said(1)
    assert "does not take this token (401: Invalid credentials" in message
    assert "change HF_TOKEN" in message


def test_a_token_that_only_reads(hub: UploadingHub, heads: Path, command: Call) -> None:
    hub.readers_only.add("me")
    message = command("push", "heads", "--repo", REPOSITORY, "--yes").said(1)
    assert "may not write to me/my-heads (it may only read): take a name" in message
    # Of a repository that is there the Hub itself says it.
    hub.folders[REPOSITORY] = heads
    message = command("push", "heads", "--repo", REPOSITORY, "--yes").said(1)
    assert "may not write to me/my-heads (403: You don't have the rights" in message


def test_a_name_of_somebody_else(hub: UploadingHub, heads: Path, command: Call) -> None:
    message = command("push", "heads", "--repo", "somebody/heads", "--yes").said(1)
    assert "may not write to somebody/heads (it belongs to me, not to somebody)" in message
    assert "under your own account" in message
    message = command("push", "heads", "--repo", BASE, "--yes").said(1)
    assert "under the namespace somebody" in message
    hub.organisations.append({"name": "somebody", "roleInOrg": "write"})
    assert command("push", "heads", "--repo", "somebody/heads", "--yes").status == 0


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("case", ["no token", "only reads", "somebody else's", "nobody to ask"])
def test_without_the_right_nothing_is_measured(
    case: str,
    is_there: bool,
    hub: UploadingHub,
    heads: Path,
    command: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[Path] = []
    monkeypatch.setattr("medusa_chat.publishing.push_command.measure", measured.append)
    repository = "somebody/heads" if case == "somebody else's" else REPOSITORY
    if is_there:
        hub.folders[repository] = hub.folders[BASE]
    if case == "no token":
        monkeypatch.delenv("HF_TOKEN")
    if case == "only reads":
        hub.readers_only.add("me")
    confirmed = () if case == "nobody to ask" else ("--yes",)
    ended = command("push", "heads", "--repo", repository, "--measure", *confirmed)
    assert ("--yes" if case == "nobody to ask" else "right to write") in ended.err
    assert ended.status == (2 if case == "nobody to ask" else 1)
    assert "Measuring" not in ended.out
    assert measured == []
    assert not (heads / "README.md").exists()
    assert not any(request.startswith(("POST", "PUT")) for request in hub.requests)


def test_a_hub_that_does_not_tell_the_rights(hub: UploadingHub, heads: Path, command: Call) -> None:
    hub.failing["/auth-check/"] = Refusal(404)
    push(command, "--yes")
    push(command, "--yes")
    assert len(hub.commits_made) == 2
    hub.readers_only.add("me")
    message = command("push", "heads", "--repo", REPOSITORY, "--yes").said(1)
    assert "(it may only read)" in message


@pytest.mark.parametrize(
    ("part", "refusal", "words"),
    [
        ("/commit/", Refusal(409, message="a commit is under way"), "at the same time (409: a com"),
        ("/commit/", Refusal(400, message="bad file"), "refuses what is uploaded .*400: bad file"),
        ("/preupload/", Refusal(429), r"too much was asked of it \(429"),
        ("/lfs/", Refusal(503), "The Hub fails on me/my-heads"),
        ("/repos/create", Refusal(402, message="No room"), "no room for .*402: No room"),
        ("/repos/create", Refusal(500), "The Hub fails on me/my-heads"),
    ],
)
def test_refusals(
    part: str, refusal: Refusal, words: str, hub: UploadingHub, heads: Path, command: Call
) -> None:
    import re

    hub.failing[part] = refusal
    message = command("push", "heads", "--repo", REPOSITORY, "--yes").said(1)
    assert re.search(words.replace("time (", r"time \("), message), message
    assert hub.commits_made == []


def test_what_was_sent_is_not_sent_again(hub: UploadingHub, heads: Path, command: Call) -> None:
    hub.failing["/commit/"] = Refusal(409)
    command("push", "heads", "--repo", REPOSITORY, "--yes").said(1)
    hub.failing.clear()
    hub.requests.clear()
    push(command, "--yes")
    assert not any(request.startswith("PUT") for request in hub.requests)
    assert len(hub.commits_made) == 1


def test_no_network(
    hub: UploadingHub, heads: Path, command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    message = command("push", "heads", "--repo", REPOSITORY, "--yes").said(1)
    assert "cannot be reached" in message


def test_offline_mode(
    hub: UploadingHub, heads: Path, command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    message = command("push", "heads", "--repo", REPOSITORY, "--yes").said(1)
    assert "unset HF_HUB_OFFLINE" in message


def test_heads_whose_base_is_a_folder(hub: UploadingHub, command: Call, tmp_path: Path) -> None:
    save_heads(tmp_path / "heads", random_heads(), base_model_name_or_path="../base")
    message = command("push", "heads", "--repo", REPOSITORY, "--yes").said(2)
    assert "which only this machine has" in message
    assert "medusa-chat convert heads --to merged" in message
    assert hub.requests == []


@pytest.mark.parametrize("name", ["my-heads", "me/my heads", "a/b/c", "me/x@dev"])
def test_names_that_cannot_be(name: str, hub: UploadingHub, heads: Path, command: Call) -> None:
    assert "owner/name" in command("push", "heads", "--repo", name, "--yes").said(2)


def test_figures_of_another_model(hub: UploadingHub, heads: Path, command: Call) -> None:
    Path("bench.json").write_text(json.dumps(record(heads=4)), "utf-8")
    ended = command("push", "heads", "--repo", REPOSITORY, "--yes", "--figures", "bench.json")
    assert "with 4 heads, and heads has 2" in ended.said(2)
    Path("bench.json").write_text(json.dumps(record("elsewhere")), "utf-8")
    said = push(command, "--yes", "--figures", "bench.json")
    assert any("measured on elsewhere: see that" in line for line in said)


@pytest.mark.parametrize(
    ("folder", "words"), [("nowhere", "is no folder"), ("base", "has no Medusa heads")]
)
def test_folders_without_heads(folder: str, words: str, hub: UploadingHub, command: Call) -> None:
    ended = command("push", folder, "--repo", REPOSITORY, "--yes")
    assert ended.status in (1, 2)
    assert words in ended.err


def test_both_kinds_of_figures(heads: Path, command: Call) -> None:
    options = ("--figures", "x.json", "--measure")
    assert "not both" in command("push", "heads", "--repo", REPOSITORY, *options).said(2)


def test_a_measurement_is_a_run_of_bench(
    heads: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The command itself is measured elsewhere; here it is another program that prints the same.
    script = tmp_path / "bench.sh"
    line = json.dumps(record(str(heads)))
    script.write_text(f"#!/bin/sh\necho a table >&2\necho '{line}'\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    assert figures.measure(heads).modes[1].speedup == 1.874
    script.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(Exception, match=r"could not be measured \(status 3\)"):
        figures.measure(heads)
