from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants, get_token
from loopback_hub import Hub, serving

from medusa_chat.errors import UsageError
from medusa_chat.models.hub.account import licence_page, save_token, token_source
from models.hub.repositories import publish, pull, refusal


def test_token_is_checked_and_kept(
    hub: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = publish(hub, tmp_path)
    hub.gated.add(name)
    hub.tokens["hf_mine"] = "me"
    hub.readers.add("me")
    assert token_source() is None
    assert save_token(" hf_mine\n") == "me"
    assert token_source() == "stored"
    assert get_token() == "hf_mine"
    pull(name)
    assert capfd.readouterr() == ("", "")


def test_token_that_the_hub_does_not_know(hub: Hub) -> None:
    message = refusal(lambda: save_token("hf_wrong"), "unauthorized")
    assert "hf_wrong" not in message
    assert token_source() is None


@pytest.mark.parametrize("text", ["", "  ", "hf a", "hf_\x1b", "hf_ä"])
def test_what_is_no_token(text: str, hub: Hub) -> None:
    with pytest.raises(UsageError, match="settings/tokens"):
        save_token(text)
    assert hub.requests == []


def test_variable_wins_over_what_is_stored(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    assert token_source() == "HF_TOKEN"
    with pytest.raises(UsageError, match="HF_TOKEN is set"):
        save_token("hf_other")


def test_hub_that_cannot_be_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refusal(lambda: save_token("hf_mine"), "offline")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with serving(Hub()) as gone:
        pass
    monkeypatch.setattr(constants, "ENDPOINT", gone.url)
    assert gone.url in refusal(lambda: save_token("hf_mine"), "unreachable")


def test_page_of_a_licence(hub: Hub) -> None:
    assert licence_page("meta/llama") == f"{hub.url}/meta/llama"
