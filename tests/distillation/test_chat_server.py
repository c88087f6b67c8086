"""A server that answers, fails, and refuses."""

from __future__ import annotations

import time

import pytest

from medusa_chat.distillation.chat_server import ChatServer, RefusedError
from medusa_chat.distillation.progress import NowAndThen
from medusa_chat.distillation.server_writer import ServerWriter
from medusa_chat.distillation.settings import ServerSettings
from medusa_chat.distillation.writer import InterruptedWritingError, Question, Reply
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import MedusaChatError, UsageError
from medusa_chat.settings import DecodeSettings

from .scripted_chat_server import ScriptedServer

HELLO = (ChatMessage("user", "Hello"),)
OPTIONS = {"seed": 3}


class Asked(ChatServer):
    """A server whose pauses are written down and not made."""

    def __init__(self, server: ScriptedServer, key: str | None = None, retries: int = 3) -> None:
        self.pauses: list[float] = []
        settings = ServerSettings(server.url, retries=retries, timeout_seconds=20)
        self.notices: list[str] = []
        super().__init__(settings, key, self.pauses.append, self.notices.append)


def test_an_answer(server: ScriptedServer) -> None:
    found = Asked(server, "secret").complete("small", HELLO, OPTIONS)
    assert found.text == "To 'Hello', 1 messages, seed 3."
    assert (found.tokens, found.finish) == (7, "stop")
    assert server.keys == ["Bearer secret"]
    assert server.paths == ["/v1/chat/completions"]
    assert server.requests == [
        {
            "model": "small",
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": False,
            "seed": 3,
        }
    ]


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://a:1", "http://a:1/v1"),
        ("http://a:1/", "http://a:1/v1"),
        ("https://a/v1/", "https://a/v1"),
        ("http://a/v1/chat/completions", "http://a/v1"),
        ("https://a/openai/deployments/b", "https://a/openai/deployments/b"),
    ],
)
def test_addresses(url: str, root: str) -> None:
    assert ServerSettings(url).root == root


@pytest.mark.parametrize("url", ["", "a:1", "ftp://a", "http://", "file:///etc/passwd", "http://["])
def test_no_addresses(url: str) -> None:
    with pytest.raises(UsageError, match="--server"):
        ServerSettings(url)


def test_what_may_pass_is_asked_again(server: ScriptedServer) -> None:
    server.failures = [(0, b"", {}), (503, b"busy", {}), (429, b"", {"Retry-After": "7"})]
    asked = Asked(server)
    assert asked.complete("small", HELLO, OPTIONS).tokens == 7
    assert asked.pauses == [1.0, 2.0, 7.0]
    assert asked.notices[1] == f"{server.url}/v1: 503 (busy). Asked again in 2 s (2 of 3)."
    assert len(server.requests) == 4


def test_after_that_it_is_told(server: ScriptedServer) -> None:
    server.failures = [(500, b'{"error": {"message": "out of memory"}}', {})] * 2
    with pytest.raises(MedusaChatError) as raised:
        Asked(server, retries=1).complete("small", HELLO, OPTIONS)
    assert "500 (out of memory), 2 times" in str(raised.value)
    assert "the same command goes on" in str(raised.value)


def test_of_a_page_the_status_alone_is_told(server: ScriptedServer) -> None:
    server.failures = [(502, b"<html><h1>Bad Gateway</h1></html>", {})]
    with pytest.raises(MedusaChatError, match=r"502 \(Bad Gateway\)"):
        Asked(server, retries=0).complete("small", HELLO, OPTIONS)


def test_no_json_is_a_failure(server: ScriptedServer) -> None:
    server.failures = [(200, b"<html>", {})] * 2
    with pytest.raises(MedusaChatError, match="its answer is no JSON"):
        Asked(server, retries=1).complete("small", HELLO, OPTIONS)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"error": "no key"}', r"refuses: 401 \(no key\).*MEDUSA_CHAT_API_KEY"),
        (404, b'{"detail": "no model small"}', r"404 \(no model small\).*--model"),
        (302, b"", "answers 302"),
    ],
)
def test_what_does_not_pass_is_told_at_once(
    server: ScriptedServer, status: int, body: bytes, said: str
) -> None:
    server.failures = [(status, body, {"Location": "http://127.0.0.1:1/elsewhere"})]
    asked = Asked(server, "secret")
    with pytest.raises(MedusaChatError, match=said):
        asked.complete("small", HELLO, OPTIONS)
    assert len(server.paths) == 1
    assert asked.pauses == []


def test_one_request_is_refused(server: ScriptedServer) -> None:
    server.refused = "Hello"
    with pytest.raises(RefusedError, match=r"400 \(the prompt is too long\)"):
        Asked(server).complete("small", HELLO, OPTIONS)


def test_another_kind_of_server(server: ScriptedServer) -> None:
    server.failures = [(200, b'{"choices": []}', {})]
    with pytest.raises(MedusaChatError, match="not as OpenAI's servers do"):
        Asked(server).complete("small", HELLO, OPTIONS)


def test_the_only_model_needs_no_name(server: ScriptedServer) -> None:
    assert Asked(server).model() == "small"
    server.models = ["small", "large"]
    with pytest.raises(MedusaChatError, match=r"\(it has small, large\): name it with --model"):
        Asked(server).model()
    settings = ServerSettings(server.url, "large")
    assert ChatServer(settings, None).model() == "large"


def test_nobody_there() -> None:
    settings = ServerSettings("http://127.0.0.1:9", retries=0)
    with pytest.raises(MedusaChatError, match="cannot be asked"):
        ChatServer(settings, None).complete("m", HELLO, OPTIONS)


def test_answers_come_in_the_questions_order(server: ScriptedServer) -> None:
    decode = DecodeSettings(max_new_tokens=9, top_p=0.5, stop=("END",))
    writer = ServerWriter(Asked(server), "small", decode, 3)
    server.refused = "question 4"
    asked = [Question((ChatMessage("user", f"question {at}"),), 0.25, at) for at in range(9)]
    replies = writer.replies(asked, lambda: False)
    assert [one.end for one in replies] == ["end"] * 4 + ["refused"] + ["end"] * 4
    assert replies[7].text == "To 'question 7', 1 messages, seed 7."
    assert replies[4].reason == "400 (the prompt is too long)"
    body = next(one for one in server.requests if one["seed"] == 7)
    assert body["temperature"] == 0.25
    assert body["max_tokens"] == 9
    assert body["top_p"] == 0.5
    assert body["stop"] == ["END"]
    assert "top_k" not in body
    server.finish = "length"
    assert {one.end for one in writer.replies(asked[:2], lambda: False)} == {"truncated"}


def test_a_failure_ends_it(server: ScriptedServer) -> None:
    server.failures = [(403, b"", {})] * 20
    writer = ServerWriter(Asked(server), "small", DecodeSettings(), 2)
    with pytest.raises(MedusaChatError, match="refuses"):
        writer.replies([Question(HELLO, 0.0, at) for at in range(9)], lambda: False)


def test_what_came_before_a_failure_is_not_lost(server: ScriptedServer) -> None:
    writer = ServerWriter(Asked(server), "small", DecodeSettings(), 1)
    came: dict[int, str] = {}

    def take(at: int, reply: Reply) -> None:
        came[at] = reply.text
        if len(came) == 2:
            server.failures = [(403, b"", {})] * 20

    with pytest.raises(MedusaChatError, match="refuses"):
        writer.replies([Question(HELLO, 0.0, at) for at in range(9)], lambda: False, take)
    assert came.keys() >= {0, 1}
    assert len(came) < 9


def test_what_is_told_often_is_passed_on_now_and_then() -> None:
    said: list[str] = []
    times = iter([0.0, 0.0, 14.0, 15.0, 15.0])
    told = NowAndThen(said.append, clock=lambda: next(times))
    for words in ("a", "b", "c"):
        told(words)
    assert said == ["a", "c"]


def test_a_request_under_way_is_given_up(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedServer, "answer", lambda _server, _body: time.sleep(0.5))
    writer = ServerWriter(Asked(server), "small", DecodeSettings(), 1)
    with pytest.raises(InterruptedWritingError):
        writer.replies([Question(HELLO, 0.0, 1)], lambda: bool(server.requests))
