"""What a user may give as a model's name to ``medusa-chat models``: addresses, folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Call
from loopback_hub import Hub
from models.hub.repositories import publish

from library.repositories import publish_base, publish_vllm
from medusa_chat.models.hub.cache import state_of
from medusa_chat.models.hub.reference import parse

VICUNA = "FasterDecoding/medusa-vicuna-7b-v1.3"


def test_address_of_a_page_is_a_name(
    command: Call, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    name = publish(hub, tmp_path)
    hub.revisions[name, "v2"] = hub.folders[name]
    hub.commits["v2"] = "e" * 40
    assert command("pull", f"{hub.url}/{name}/tree/v2").status == 0
    assert state_of(parse(f"{name}@v2")) == "here"
    assert command("pull", f"https://huggingface.co/{name}").status == 0
    assert state_of(parse(name)) == "here"
    assert "State        here" in command("info", f"https://huggingface.co/{name}").out
    assert command("verify", f"huggingface.co/{name}").status == 0
    assert command("remove", f"https://huggingface.co/{name}/", "--yes").status == 0
    assert state_of(parse(name)) == "absent"
    assert f"Model        {VICUNA}" in command("info", f"https://huggingface.co/{VICUNA}").out


def test_folder_of_ones_own(command: Call, hub: Hub, tmp_path: Path) -> None:
    folder = hub.folders[publish_base(hub, tmp_path)]
    lines = command("info", str(folder)).out.splitlines()
    assert "State        here" in lines
    assert "Heads        none: it is decoded plainly" in lines
    (record,) = command("info", str(folder), "--json").records
    assert (record["layout"], record["best_bits"]) == ("plain", 16)
    heads = hub.folders[publish_vllm(hub, tmp_path)]
    (record,) = command("info", str(heads), "--json").records
    assert (record["needs_base"], record["choices"]) == (True, [])
    (record,) = command("info", str(heads), "--base-model", str(folder), "--json").records
    assert (record["state"], record["heads"]) == ("here", 2)
    assert record["choices"][0]["footprint"]["heads_bytes"] > 0
    lines = command("info", str(heads), "--base-model", str(folder)).out.splitlines()
    assert f"Base         {folder}" in lines
    assert "holds no language model" in command("info", str(tmp_path)).said(1)


def test_folder_is_not_pulled(command: Call, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    words = command("pull", "./etc").said(2)
    assert "./etc is a folder on this machine" in words
    assert "--model" not in words
    folder = hub.folders[publish_base(hub, tmp_path)]
    assert f"medusa-chat --model {folder}" in command("pull", str(folder)).said(2)
    assert hub.requests == []
