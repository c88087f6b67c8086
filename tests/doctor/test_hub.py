"""The Hub reached or not, the token known or not, and never told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants
from loopback_hub import Hub, serving

from doctor.answering_server import Answer, answering
from medusa_chat.doctor import hub
from medusa_chat.doctor.finding import Finding, presentable

SECRET = "hf_" + "s3cr3t" * 5
ACCOUNT = json.dumps({"type": "user", "name": "ada"}).encode()


@pytest.fixture(autouse=True)
def hub_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No token, no proxy, and no offline mode."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("all_proxy", "ALL_PROXY", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    yield
    close_session()


def look(
    url: str, monkeypatch: pytest.MonkeyPatch, *, offline: bool = False
) -> tuple[Finding, ...]:
    monkeypatch.setattr(constants, "ENDPOINT", url)
    found = tuple(presentable(finding) for finding in hub.look(offline))
    assert [finding.name for finding in found] == ["Hub", "Hub token"]
    assert SECRET not in repr(found)
    return found


def test_a_hub_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(Answer(401, b'{"error": "Invalid username or password."}')) as server:
        reached, token = look(server.url, monkeypatch)
    assert (reached.status, reached.value) == ("ok", f"{server.url} answers")
    assert token.status == "note"
    assert "hf auth login" in token.remedy
    assert server.requests == [("/api/whoami-v2", None)]


def test_the_account_of_a_token_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    with answering(Answer(200, ACCOUNT)) as server:
        reached, token = look(server.url, monkeypatch)
    assert reached.status == "ok"
    assert (token.status, token.value) == ("ok", "of ada, from HF_TOKEN")
    assert server.requests == [("/api/whoami-v2", f"Bearer {SECRET}")]


def test_the_account_of_a_token_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(SECRET)
    with answering(Answer(200, ACCOUNT)) as server:
        _, token = look(server.url, monkeypatch)
    assert token.value == f"of ada, from {tmp_path / 'token'}"


def test_a_token_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", SECRET)
    with answering(Answer(401)) as server:
        reached, token = look(server.url, monkeypatch)
    assert reached.status == "ok"
    assert (token.status, token.value) == (
        "warning",
        "refused by the Hub, from HUGGING_FACE_HUB_TOKEN",
    )
    assert "settings/tokens" in token.remedy
    # It would hide the one that `hf auth login` stores.
    assert "unset HUGGING_FACE_HUB_TOKEN" in token.remedy


def test_a_stored_token_that_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(SECRET)
    with answering(Answer(401)) as server:
        _, token = look(server.url, monkeypatch)
    assert token.status == "warning"
    assert "unset" not in token.remedy
    assert token.remedy.endswith("then run `hf auth login`.")


@pytest.mark.parametrize(
    ("status", "body", "found", "words"),
    [
        (503, b"", "warning", "answers, but fails (status 503)"),
        (429, b"", "note", "too many requests"),
        (200, b"<html>Log in to this network</html>", "warning", "something else answers"),
        (200, b"[1]", "warning", "something else answers"),
        (407, b"", "warning", "something else answers"),
    ],
)
def test_other_answers(
    status: int, body: bytes, found: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    with answering(Answer(status, body)) as server:
        reached, token = look(server.url, monkeypatch)
    assert (reached.status, words in reached.value) == (found, True)
    assert reached.remedy
    # Whether the token is right is not known.
    assert (token.status, token.value) == ("note", "from HF_TOKEN; not known whose it is")


def test_a_hub_that_is_a_mirror_without_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Hub()) as mirror:
        reached, token = look(mirror.url, monkeypatch)
    assert reached.status == "ok"
    assert token.status == "note"


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Hub()) as gone:
        pass
    monkeypatch.setenv("HF_TOKEN", SECRET)
    reached, token = look(gone.url, monkeypatch)
    assert reached.status == "warning"
    assert f"{gone.url} cannot be reached" in reached.value
    assert token.value == "from HF_TOKEN; not known whose it is"
    monkeypatch.setenv("HF_ENDPOINT", gone.url)
    assert "HF_ENDPOINT" in look(gone.url, monkeypatch)[0].remedy


@pytest.mark.parametrize("odd", ["not a token\x7f é", "ünusual-secret"])
def test_a_token_that_no_header_can_hold_is_not_told(
    odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", odd)
    with answering(Answer(401)) as server:
        reached, token = look(server.url, monkeypatch)
    assert reached.status == "ok"
    assert (token.status, token.value) == (
        "warning",
        "from HF_TOKEN, with signs in it that no token has",
    )
    assert server.requests == [("/api/whoami-v2", None)]


def test_credentials_in_the_address_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(Answer(401)) as server:
        reached, _ = look(server.url.replace("://", "://me:pass@"), monkeypatch)
    assert "pass" not in reached.value
    assert reached.status == "ok"


@pytest.mark.parametrize("mode", ["option", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_asks_nobody(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    if mode != "option":
        monkeypatch.setenv(mode, "1")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with answering(Answer(200, ACCOUNT)) as server:
        reached, token = look(server.url, monkeypatch, offline=mode == "option")
    assert server.requests == []
    assert reached.status == "note"
    assert ("--offline" if mode == "option" else mode) in reached.value
    assert token.value == "from HF_TOKEN; not known whose it is"


def test_a_proxy_is_named_but_not_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Hub()) as gone:
        pass
    monkeypatch.setenv("http_proxy", gone.url.replace("://", "://me:pass@"))
    reached, _ = look("http://hub.invalid", monkeypatch)
    assert reached.status == "warning"
    assert "a proxy is set: http_proxy" in reached.value
    assert "pass" not in reached.value
