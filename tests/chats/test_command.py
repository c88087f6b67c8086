"""The saved chats on the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from command_line import Call, calling, finish, start

from medusa_chat.conversation.chat import Chat
from medusa_chat.conversation.conversation import Outcome, Recipe
from medusa_chat.conversation.store import FILE_NAME, Store

RECIPE = Recipe(
    *("builtin", "builtin", "float32", "cpu", "none", "medusa", "dynamic, 8 nodes", "exact"),
    temperature=0.7,
    top_p=1.0,
    top_k=0,
    seed=7,
    max_new_tokens=512,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder with the chats; the current one is another."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    return home


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path) -> Call:
    return calling(capsys, monkeypatch, home)


def chat_in(home: Path, *texts: str) -> Chat:
    with Store(home / FILE_NAME) as store:
        chat = store.new_chat()
        for prompt, reply in zip(texts[::2], texts[1::2], strict=True):
            writing = chat.start_reply(chat.add_prompt(prompt), RECIPE)
            writing.append(reply)
            writing.end(Outcome("eos", {"tokens": 3}, "94 tok/s"))
        return chat


def test_chats_are_listed_and_searched(call: Call, home: Path) -> None:
    fox = chat_in(home, "A fox", "It sleeps.\x1b[2J\nAll day.")
    bear = chat_in(home, "A bear", "It fishes.")
    lines = call("chats").out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [bear.id, fox.id]
    assert lines[0].endswith("     2  A bear")
    found = call("chats", "ALL", "sleep")
    assert found.out.splitlines()[0].startswith(fox.id)
    assert found.out.splitlines()[1] == "    It sleeps. [2J All day."
    assert call("chats", "--limit", "1").out == f"{lines[0]}\n"
    record = call("chats", "fish", "--json").record
    assert (record["id"], record["title"], record["messages"]) == (bear.id, "A bear", 2)
    assert (record["model"], record["preview"]) == ("builtin", "It fishes.")
    assert "'zebra'" in call("chats", "zebra").err
    assert "--limit 0" in call("chats", "--limit", "0").said(2)


def test_without_chats_nothing_is_made(call: Call, home: Path) -> None:
    outcome = call("chats")
    assert (outcome.status, outcome.out) == (0, "")
    assert "no chats yet" in outcome.err
    assert call("chats", "--json").err == ""
    assert "no chats yet" in call("export", "--last").said(2)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "beginning"), [("md", "---\ntitle: "), ("html", "<!DOCTYPE html>"), ("json", "{\n")]
)
def test_a_chat_is_exported_in_each_format(
    call: Call, home: Path, kind: str, beginning: str
) -> None:
    chat = chat_in(home, "A fox", "```\n<b>\n```")
    chat_in(home, "A bear", "It fishes.")
    for which in (chat.id, chat.id[:9], "fox"):
        text = call("export", which, "--format", kind, "--output", "-").out
        assert text.startswith(beginning)
        assert "A fox" in text
        assert "bear" not in text
    path = Path(call("export", "fox", "--format", kind).out.strip())
    assert path.parent == Path.cwd()
    assert path.name.endswith(f"-a-fox.{kind}")
    assert path.read_text("utf-8") == text
    named = Path(call("export", "fox", "--format", kind, "--output", f"here.{kind}").out.strip())
    assert named.read_text("utf-8") == text
    taken = call("export", "fox", "--format", kind, "--output", str(named)).said(2)
    assert "not overwritten" in taken


def test_the_last_chat_and_all_of_them(call: Call, home: Path, tmp_path: Path) -> None:
    chat_in(home, "A fox", "It sleeps.")
    chat_in(home, "A bear", "It fishes.")
    assert "bear" in call("export", "--last", "--output", "-").out
    paths = [Path(line) for line in call("export", "--all").out.splitlines()]
    assert [path.parent.name for path in paths] == ["medusa-chat-chats"] * 2
    assert "fox" in paths[1].read_text("utf-8")
    into = tmp_path / "new" / "folder"
    call("export", "--all", "--format", "html", "--output", str(into))
    assert len(list(into.glob("*.html"))) == 2
    archive = tmp_path / "all.json"
    call("export", "--all", "--format", "json", "--output", str(archive))
    assert len(json.loads(archive.read_text("utf-8"))["chats"]) == 2
    assert "one html file" in call("export", "--all", "--format", "html", "--output", "-").said(2)


def test_what_is_exported_is_asked_for_in_one_way(call: Call, home: Path) -> None:
    chat_in(home, "A fox", "It sleeps.")
    assert "required" in call("export").said(2)
    assert "not allowed" in call("export", "fox", "--all").said(2)
    assert "'zebra'" in call("export", "zebra").said(2)
    chat_in(home, "A red fox", "It runs.")
    assert "2 chats" in call("export", "fox").said(2)


def test_a_folder_that_cannot_be_written_is_named(call: Call, home: Path) -> None:
    chat_in(home, "A fox", "It sleeps.")
    Path("file").touch()
    assert "file/more" in call("export", "--last", "--output", "file/more/").said(1)
    assert "file/x.md" in call("export", "--last", "--output", "file/x.md").said(1)


def test_an_exported_chat_is_imported_and_never_twice_in_silence(
    call: Call, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chat = chat_in(home, "A fox", "It sleeps.")
    call("export", "--all", "--format", "json", "--output", "all.json")
    exported = Path("all.json").read_bytes()
    there = call("import", "all.json")
    assert (there.status, there.out) == (0, "")
    assert f"{chat.id} (A fox) is here already: --again" in there.err
    again = call("import", "all.json", "--again")
    assert again.out.endswith("  A fox\n")
    copied = again.out.split()[0]
    assert copied != chat.id
    with Store(home / FILE_NAME) as store:
        assert len(store.chats()) == 2
        store.chat(chat.id).add_prompt("More")
    assert "and not the same: --again" in call("import", "all.json").err
    # Elsewhere it is the same chat, and exported the same.
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(elsewhere))
    assert call("import", "-", stdin=exported).out == f"{chat.id}  A fox\n"
    out = call("export", "--all", "--format", "json", "--output", "-").out
    assert out.encode() == exported


def test_one_file_that_is_not_ours_keeps_all_out(call: Call, home: Path) -> None:
    chat_in(home, "A fox", "It sleeps.")
    call("export", "--last", "--format", "json", "--output", "good.json")
    with Store(home / FILE_NAME) as store:
        store.delete(store.chats()[0].id)
    Path("bad.json").write_text('{\n "format": "other"\n}')
    Path("binary.json").write_bytes(b"{\n\xff}")
    assert "bad.json, line 2: " in call("import", "good.json", "bad.json").said(1)
    assert "binary.json, line 2: " in call("import", "good.json", "binary.json").said(1)
    assert "missing.json cannot be read" in call("import", "good.json", "missing.json").said(2)
    with Store(home / FILE_NAME) as store:
        assert store.chats() == []


def test_a_damaged_file_is_told_and_left_alone(call: Call, home: Path) -> None:
    (home / FILE_NAME).write_text("no database " * 1000)
    for arguments in (["chats"], ["export", "--all"]):
        assert "damaged" in call(*arguments).said(1)
    assert [path.name for path in home.iterdir()] == [FILE_NAME]


@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
def test_a_chat_goes_through_a_pipe(home: Path) -> None:
    chat_in(home, "日本 — “quoted”", "It sleeps.\r\nAll day.")
    env = {**os.environ, "MEDUSA_CHAT_HOME": str(home), "PYTHONPATH": str(_repository())}
    exported = finish(start("export", "--last", "--format", "json", "--output", "-", env=env))
    assert exported.err == ""
    other = {**env, "MEDUSA_CHAT_HOME": str(home.parent / "other")}
    imported = finish(start("import", "-", env=other), exported.out.encode())
    assert imported.status == 0, imported.err
    again = finish(start("export", "--last", "--format", "json", "--output", "-", env=other))
    assert again.out == exported.out


def _repository() -> Path:
    return Path(__file__).resolve().parents[2]
