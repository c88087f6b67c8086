"""``medusa-chat models``, in this process, against the loopback Hub."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import Call
from loopback_hub import Fault, Hub, Refusal
from models.hub.repositories import first_bytes, partial_bytes, publish, pull
from safetensors.torch import save_file
from tiny_models import by_vllm_name, random_heads, save_base

from library.repositories import BASE, HEADS, publish_base, publish_heads, publish_vllm
from medusa_chat.models.hub.cache import blob_path, cached_folder, state_of
from medusa_chat.models.hub.reference import parse
from medusa_chat.models.registry import known_models

VICUNA = "FasterDecoding/medusa-vicuna-7b-v1.3"
ALIAS = "FasterDecoding/medusa-1.0-vicuna-7b-v1.5"


@pytest.fixture
def heads(hub: Hub, tmp_path: Path) -> str:
    publish_base(hub, tmp_path)
    return publish_heads(hub, tmp_path)


def rows(out: str) -> dict[str, list[str]]:
    """Return the cells of a piped table by the first one."""
    lines = [[cell for cell in line.split("  ") if cell] for line in out.splitlines()]
    return {line[0]: [cell.strip() for cell in line[1:]] for line in lines}


def test_list_asks_no_network(command: Call, hub: Hub) -> None:
    listed = command("list")
    assert listed.status == 0
    table = rows(listed.out)
    assert table["model"] == ["state", "size", "fit", "speed-up"]
    assert table["FasterDecoding/medusa-1.0-zephyr-7b-beta"] == [
        "remote",
        "16.0 GB",
        "fits, 16 bits",
        "—",
    ]
    assert table["FasterDecoding/medusa-1.0-vicuna-33b-v1.3"][2] == "does not fit"
    assert table["builtin"] == ["built in", "—", "fits, 16 bits", "—"]
    assert len(table) == 1 + len(known_models())
    assert hub.requests == []


def test_list_as_json(command: Call, heads: str) -> None:
    pull(heads)
    records = {record["name"]: record for record in command("list", "--json").records}
    mine = records[heads]
    assert (mine["state"], mine["heads"], mine["layout"]) == ("here", 2, "v0.1")
    assert [part["repository"] for part in mine["parts"]] == [HEADS, BASE]
    assert Path(mine["parts"][0]["folder"]).is_dir()
    assert mine["bytes_here"] == mine["bytes_total"] > 0
    assert mine["best_bits"] == 16
    first = records[VICUNA]["choices"][0]
    assert first["footprint"]["total_bytes"] > first["footprint"]["weights_bytes"]


def test_context_and_heads_decide_what_fits(command: Call, heads: str) -> None:
    def total(record: dict[str, Any], part: str = "total_bytes") -> int:
        return int(record["choices"][0]["footprint"][part])

    (usual,) = command("info", VICUNA, "--json").records
    (short,) = command("info", VICUNA, "--context", "256", "--json").records
    (light,) = command("info", VICUNA, "--heads-in-8bit", "--json").records
    assert total(usual) > total(short)
    assert total(usual, "heads_bytes") > 1.9 * total(light, "heads_bytes")
    listed = command("list", "--context", "256", "--heads-in-8bit", "--json").records
    (listed_one,) = (record for record in listed if record["name"] == VICUNA)
    assert total(listed_one) == total(short) + total(light) - total(usual)
    wrong = command("list", "--context", "0")
    assert (wrong.status, "--context 0 is out of range" in wrong.err) == (2, True)
    small = command("pull", heads, "--context", "16", "--heads-in-8bit")
    assert "It fits" in small.err


def test_broken_own_list_is_said_and_stops_nothing(command: Call, home: Path) -> None:
    home.mkdir()
    (home / "models.toml").write_text("colour = 1", "utf-8")
    listed = command("list")
    assert listed.status == 0
    assert "Your own list of models is left out" in listed.err
    assert str(home / "models.toml") in listed.err


def test_pull_says_what_it_takes_first(command: Call, heads: str) -> None:
    pulled = command("pull", heads)
    assert pulled.status == 0, pulled.err
    assert pulled.out == f"{heads} is here: medusa-chat --model {heads} chats with it.\n"
    lines = pulled.err.splitlines()
    assert lines[0] == f"{heads}:"
    assert lines[1].startswith(f"  {HEADS}: 296 kB in 2 files")
    assert lines[2].startswith(f"  {BASE}: ")
    assert lines[3].startswith("  Fetching ")
    assert "are free" in lines[3]
    assert lines[4] == "  It fits into this machine's memory in 16 bits."
    assert cached_folder(parse(heads)) is not None
    assert cached_folder(parse(BASE)) is not None


def test_second_pull_asks_for_no_byte(command: Call, hub: Hub, heads: str) -> None:
    assert command("pull", heads).status == 0
    asked = len(hub.contents)
    pulled = command("pull", heads)
    assert pulled.status == 0
    assert len(hub.contents) == asked
    assert "All of it is here." in pulled.err
    assert "Fetching" not in pulled.err


def test_pull_several_as_json(command: Call, hub: Hub, heads: str, tmp_path: Path) -> None:
    other = publish(hub, tmp_path)
    records = command("pull", heads, other, "--json").records
    assert [(one["model"], one["state"]) for one in records] == [(heads, "done"), (other, "done")]
    first = records[0]["repositories"][0]
    assert (first["repository"], first["revision"]) == (HEADS, "main")
    assert Path(first["folder"], "config.json").is_file()
    assert records[1]["done_bytes"] == records[1]["total_bytes"]


def test_pull_by_an_alias_takes_the_pinned_commit(command: Call, hub: Hub, tmp_path: Path) -> None:
    name = "FasterDecoding/medusa-v1.0-vicuna-7b-v1.5"
    publish_base(hub, tmp_path, name)
    hub.revisions[name, "conversion"] = hub.folders[name]
    hub.commits["conversion"] = "d67a8c6a237f6a295bfa968b77dc57292dd1aacf"
    pulled = command("pull", ALIAS)
    assert pulled.status == 0, pulled.err
    assert f"{ALIAS} is called {name} on the Hub" in pulled.err
    assert "Vicuna 7B v1.5, Llama 2:" in pulled.err
    assert state_of(parse(f"{name}@{hub.commits['conversion']}")) == "here"
    assert state_of(parse(name)) == "absent"


def test_pull_of_a_named_revision(command: Call, hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.revisions[name, "v2"] = hub.folders[name]
    hub.commits["v2"] = "e" * 40
    assert command("pull", f"{name}@v2").status == 0
    assert state_of(parse(f"{name}@v2")) == "here"
    assert state_of(parse(name)) == "absent"


def test_pull_with_another_base(command: Call, hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path)
    name = publish_vllm(hub, tmp_path)
    words = command("pull", name).said(1)
    assert "--base-model" in words
    assert command("pull", name, "--base-model", BASE).status == 0
    assert state_of(parse(name)) == state_of(parse(BASE)) == "here"


def test_pull_of_what_ships(command: Call, hub: Hub) -> None:
    pulled = command("pull", "builtin")
    assert pulled.status == 0
    assert "there is nothing to fetch" in pulled.err
    assert hub.requests == []


def test_pull_of_the_base_of_heads_in_a_folder(command: Call, hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path)
    publish_heads(hub, tmp_path)
    folder = str(hub.folders[HEADS])
    assert command("pull", folder).status == 0
    assert state_of(parse(BASE)) == "here"
    pulled = command("pull", folder, "--base-model", str(hub.folders[BASE]))
    assert pulled.status == 0
    assert "there is nothing to fetch" in pulled.err


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("somebody/else", 1, "There is no model on the Hub called somebody/else"),
        ("a b", 2, "is no name on the Hub"),
        ("{heads}@nothing", 1, "no branch, tag or commit called nothing"),
    ],
)
def test_pull_of_nothing_fetches_nothing(
    command: Call, hub: Hub, heads: str, name: str, status: int, words: str
) -> None:
    assert words in command("pull", heads, name.format(heads=heads)).said(status)
    assert not [request for request in hub.contents if request.name.endswith("safetensors")]


def test_gated_model(command: Call, hub: Hub, heads: str) -> None:
    hub.gated.add(BASE)
    words = command("pull", heads).said(1)
    assert "gated" in words or "licence" in words
    assert BASE in words


def test_one_failure_leaves_the_others(
    command: Call, hub: Hub, heads: str, tmp_path: Path, waits: list[float]
) -> None:
    other = publish(hub, tmp_path)
    hub.faults["medusa_lm_head.safetensors"] = Fault(status=404)
    pulled = command("pull", heads, other)
    assert pulled.status == 1
    assert f"{other} is here" in pulled.out
    assert heads not in pulled.out
    assert pulled.err.splitlines()[-1].startswith("medusa-chat: ")


def test_no_room_for_all_of_them(
    command: Call, hub: Hub, heads: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medusa_chat.models.hub.cache.free_bytes", lambda: 200_500_000)
    other = publish(hub, tmp_path, size=400_000)
    pulled = command("pull", heads, other)
    assert pulled.status == 1
    assert "make room" in pulled.err
    assert hub.contents == [] or all("json" in request.name for request in hub.contents)


def test_interrupted_pull_goes_on(
    command: Call, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = publish(hub, tmp_path)
    hub.faults["model.safetensors"] = Fault(times=1, bytes_per_second=40_000)

    def interrupt(_display: object, downloads: object) -> None:
        if any(progress.done_bytes > 8000 for progress in downloads):  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    display = "medusa_chat.library.progress_display.ProgressDisplay.show"
    with monkeypatch.context() as patched:
        patched.setattr(display, interrupt)
        paused = command("pull", name, "--json")
    assert paused.status == 130
    assert json.loads(paused.out)["state"] == "paused"
    assert paused.err.splitlines()[-1].startswith("Paused: what came is kept.")
    kept = partial_bytes(name)
    assert 8000 < kept < 40_000
    assert command("list").out.count("partial") == 1
    assert command("pull", name).status == 0
    assert first_bytes(hub) == [0, kept]


def test_info_of_a_listed_model(command: Call, hub: Hub) -> None:
    shown = command("info", ALIAS)
    assert shown.status == 0
    lines = shown.out.splitlines()
    assert "Title        Vicuna 7B v1.5" in lines
    assert "Licence      Llama 2" in lines
    assert f"Also called  {ALIAS}" in lines
    assert "Heads        5 (merged, 739.3 million)" in lines
    assert [line.split()[0] for line in lines if " bits " in line] == ["Memory", "8", "4"]
    assert lines[-1] == "Here         NVIDIA Test: 23.0 GB of 24.0 GB free"
    assert hub.requests == []


def test_info_of_a_model_that_is_here(command: Call, heads: str) -> None:
    pull(heads)
    lines = command("info", heads).out.splitlines()
    assert "State        here" in lines
    assert f"             {cached_folder(parse(heads))}" in lines
    record = command("info", heads, "--json").record
    assert record["context_tokens"] == 256


@pytest.mark.parametrize("cut", [False, True])
def test_info_of_heads_over_fewer_tokens_counts_what_is_there(
    command: Call, hub: Hub, tmp_path: Path, cut: bool
) -> None:
    base = save_base(tmp_path / "base", "llama")
    tensors = by_vllm_name(random_heads(vocabulary=40 if cut else 512))
    weights = sum(tensor.numel() for tensor in tensors.values())
    if cut:
        tensors["token_map"] = torch.arange(40)
    folder = tmp_path / "own"
    folder.mkdir()
    save_file(tensors, folder / "medusa_lm_head.safetensors")
    config = {"base_model_name_or_path": str(base)}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    record = command("info", str(folder), "--json").record
    assert record["head_vocabulary"] == (40 if cut else None)
    assert record["head_parameters"] == weights
    assert record["choices"][0]["footprint"]["heads_bytes"] == 2 * weights
    kind = "2 over 40 tokens" if cut else "2"
    [line] = [
        one for one in command("info", str(folder)).out.splitlines() if one.startswith("Heads")
    ]
    assert line == f"Heads        {kind} (own, {weights / 1e6:.1f} million)"


def test_info_of_an_unlisted_model_asks_the_hub(command: Call, hub: Hub, heads: str) -> None:
    record = command("info", heads, "--json").record
    assert (record["state"], record["base"]) == ("remote", BASE)
    assert record["parameters"] == 147_776
    assert record["best_bits"] == 16
    assert record["licence"] == "apache-2.0"
    first, second = record["parts"]
    footprint = record["choices"][0]["footprint"]
    assert footprint["heads_bytes"] == first["bytes_total"]
    assert second["bytes_total"] > 600_000
    # Only configurations were asked for.
    assert {request.name for request in hub.contents} <= {"config.json"}


def test_info_of_heads_that_name_no_base(command: Call, hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path)
    name = publish_vllm(hub, tmp_path)
    assert "--base-model" in command("info", name).said(1)
    record = command("info", name, "--base-model", BASE, "--json").record
    assert (record["base"], record["parameters"]) == (BASE, 147_776)


def test_info_of_nothing(command: Call, hub: Hub) -> None:
    assert "no name on the Hub" in command("info", "a b").said(2)
    hub.refusals["x/y"] = Refusal(404, "RepoNotFound")
    assert "no model on the Hub called x/y" in command("info", "x/y").said(1)


def test_hostile_words_do_not_reach_the_terminal(command: Call, hub: Hub, heads: str) -> None:
    hub.licence = "mit\x1b[2J\x1b]0;title\x07"
    for arguments in (("info", heads), ("pull", heads), ("list",)):
        shown = command(*arguments)
        assert shown.status == 0, shown.err
        assert "\x1b" not in shown.out + shown.err


def test_remove_asks(command: Call, heads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pull(heads)
    assert "add --yes" in command("remove", heads).err
    assert state_of(parse(heads)) == "here"
    monkeypatch.setattr("medusa_chat.library.command._can_ask", lambda: True)
    for answer, state in (("", "here"), ("n", "here"), ("Y", "absent")):
        monkeypatch.setattr(builtins, "input", lambda _prompt, answer=answer: answer)
        removed = command("remove", heads)
        assert removed.status == (0 if state == "absent" else 1)
        assert state_of(parse(heads)) == state
    assert state_of(parse(BASE)) == "here"


def test_remove_with_base(command: Call, heads: str) -> None:
    pull(heads)
    removed = command("remove", heads, "--with-base", "--yes")
    assert removed.status == 0
    assert removed.err.splitlines()[-1].endswith("are free again.")
    assert state_of(parse(heads)) == state_of(parse(BASE)) == "absent"


def test_remove_what_is_not_here(command: Call, hub: Hub) -> None:
    assert "Nothing of" in command("remove", VICUNA, "--yes").said(1)


def test_verify_all(command: Call, heads: str) -> None:
    pull(heads)
    checked = command("verify")
    assert checked.status == 0
    assert sorted(checked.out.splitlines()) == [f"{BASE}: whole", f"{HEADS}: whole"]


def test_verify_finds_damage_and_pull_mends_it(command: Call, hub: Hub, heads: str) -> None:
    pull(heads)
    folder = cached_folder(parse(HEADS))
    assert folder is not None
    blob = blob_path(HEADS, (folder / "medusa_lm_head.safetensors").readlink().name)
    content = blob.read_bytes()
    blob.write_bytes(b"x" + content[1:])
    found = command("verify", heads)
    assert found.status == 1
    assert f"{HEADS}: medusa_lm_head.safetensors has a wrong checksum" in found.out
    assert f"models verify {HEADS} --discard" in found.err
    assert blob.exists()
    assert command("verify", heads, "--discard").status == 1
    assert not blob.exists()
    assert command("pull", heads).status == 0
    assert blob.read_bytes() == content
    assert command("verify", heads).status == 0


def test_verify_what_is_not_here(command: Call, hub: Hub) -> None:
    assert "models pull" in command("verify", VICUNA).said(1)
    assert "no name on the Hub" in command("verify", "a b").said(2)
    assert "no checksums" in command("verify", "builtin").err
    assert "nothing to check" in command("verify").err


@pytest.mark.parametrize("arguments", [(), ("nothing",), ("pull",), ("info",), ("remove",)])
def test_what_is_missing_is_said(command: Call, arguments: tuple[str, ...]) -> None:
    assert "medusa-chat models" in command(*arguments).said(2)
