"""A small Hugging Face Hub on loopback, with the faults that networks and servers have.

It serves what huggingface_hub asks of the real one: metadata, trees, files by name with a redirect
of large ones to a storage on another port, byte ranges, tokens. Run as a program it serves a folder
whose ``owner/name`` are repositories: ``python tests/loopback_hub.py FOLDER --rate 200000``. For a
gated one there are two tokens then, ``hf_reader`` who has accepted the licence, ``hf_other`` not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_ID = r"((?:[^/]+/)?[^/]+?)"
_MODEL = re.compile(rf"/api/models/{_ID}(?:/revision/([^/]+))?")
_TREE = re.compile(rf"/api/models/{_ID}/tree/([^/]+)")
_FILE = re.compile(rf"/{_ID}/resolve/([^/]+)/(.+)")
_STORED = re.compile(rf"/stored/{_ID}/([^/]+)/(.+)")
# Large files are kept in a storage of their own, and the Hub redirects to there.
LARGE = (".safetensors", ".bin", ".pt", ".model")
_STEP_BYTES = 4096
_FAST_STEP_BYTES = 1 << 16


@dataclass(frozen=True)
class Refusal:
    """How every request about a repository is refused."""

    status: int
    code: str = ""
    message: str = ""


@dataclass
class Fault:
    """What goes wrong with the content of a file, the first ``times`` times it is asked for."""

    times: int = 1_000_000
    cut_after: int | None = None
    """Bytes of an answer, after which the connection is reset."""
    stall_after: int | None = None
    """Bytes of an answer, after which nothing comes, and the connection stays open."""
    bytes_per_second: int | None = None
    status: int | None = None
    retry_after: str | None = None
    listed_length: int | None = None
    """What Content-Length says instead of the truth; the connection ends with the content."""
    corrupt: bool = False
    """The first byte that is sent is another one than the file's."""
    ignore_range: bool = False


@dataclass(frozen=True)
class Request:
    """One request for a file's content, as the server that has it saw it."""

    name: str
    first_byte: int
    token: str | None
    sent_bytes: list[int]
    """One number: how many bytes of the file the server has put on the way."""


@dataclass
class Hub:
    """What is on the Hub, and what was asked of it."""

    folders: dict[str, Path] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """``METHOD /path`` of each, in order."""
    url: str = ""
    storage_url: str = ""
    revisions: dict[tuple[str, str], Path] = field(default_factory=dict)
    """Folders of other branches than main, by repository and branch."""
    commits: dict[str, str] = field(default_factory=dict)
    """Of the branches, by name; the same in all repositories."""
    faults: dict[str, Fault] = field(default_factory=dict)
    """By the file's name; ``*`` stands for all others."""
    contents: list[Request] = field(default_factory=list)
    gated: set[str] = field(default_factory=set)
    """Repositories whose licence must be accepted, ``readers`` being those who have."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Accounts by token. Any other token is refused."""
    readers: set[str] = field(default_factory=set)
    names_added: dict[str, list[str]] = field(default_factory=dict)
    """Names that a repository lists beside its files: what an attacker would."""
    licence: str = "apache-2.0"

    def folder(self, repository: str, revision: str) -> Path | None:
        """Return what a repository holds at a branch or a commit."""
        commits = {commit: branch for branch, commit in self.commits.items()}
        branch = "main" if revision == COMMIT else commits.get(revision, revision)
        if branch == "main":
            return self.folders.get(repository)
        return self.revisions.get((repository, branch))

    def commit(self, revision: str) -> str:
        """Return a branch's commit; a commit's is itself."""
        if re.fullmatch("[0-9a-f]{40}", revision):
            return revision
        return self.commits.get(revision, COMMIT)

    @property
    def environment(self) -> dict[str, str]:
        """What points a process at this Hub."""
        return {"HF_ENDPOINT": self.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}


AnyHub = TypeVar("AnyHub", bound=Hub)


class HubHandler(BaseHTTPRequestHandler):
    """Answers one request after the other; ``token`` is what the last one came with."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:  # http.server's name
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay silent."""

    @property
    def token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ").strip() or None

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        if path == "/api/whoami-v2":
            self._account()
            return
        for pattern, serve in (
            (_TREE, self._tree),
            (_MODEL, self._model),
            (_FILE, self._file),
            (_STORED, self._stored),
        ):
            if match := pattern.fullmatch(path):
                repository, revision, *rest = match.groups()
                refusal = self._refusal(repository, revision or "main", pattern is _FILE)
                if pattern is _STORED or refusal is None:
                    serve(repository, revision or "main", *rest)
                else:
                    self.refuse(refusal)
                return
        self.refuse(Refusal(404))

    def _refusal(self, repository: str, revision: str, of_a_file: bool) -> Refusal | None:
        hub = self.hub
        if repository in hub.refusals:
            return hub.refusals[repository]
        if self.token is not None and self.token not in hub.tokens:
            return Refusal(401, message="Invalid credentials in Authorization header")
        if repository not in hub.folders:
            # As the real one answers who is not logged in, lest names of private ones leak.
            status = 404 if self.token else 401
            return Refusal(status, "RepoNotFound", "Repository not found")
        if hub.folder(repository, revision) is None:
            return Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if of_a_file and repository in hub.gated:
            if self.token is None:
                return Refusal(401, "GatedRepo", f"Access to model {repository} is restricted.")
            if hub.tokens[self.token] not in hub.readers:
                return Refusal(403, "GatedRepo", f"Access to model {repository} is restricted.")
        return None

    def _account(self) -> None:
        if self.token in self.hub.tokens:
            name = self.hub.tokens[self.token]
            token = {"displayName": "a token", "role": "read"}
            self.answer_json({"type": "user", "name": name, "auth": {"accessToken": token}})
        else:
            self.refuse(Refusal(401, message="Invalid credentials in Authorization header"))

    def _model(self, repository: str, revision: str) -> None:
        folder = self._folder(repository, revision)
        files: list[dict[str, Any]] = []
        for name in [*_names(folder), *self.hub.names_added.get(repository, [])]:
            sibling: dict[str, Any] = {"rfilename": name}
            if "blobs=true" in self.path.lower():
                file = folder / name if (folder / name).is_file() else None
                size = file.stat().st_size if file else 1
                sibling |= {"size": size, "blobId": _git_sha1(file) if file else "0" * 40}
                if file and name.endswith(LARGE):
                    sibling["lfs"] = {"sha256": _sha256(file), "size": size, "pointerSize": 134}
            files.append(sibling)
        self.answer_json(
            {
                "id": repository,
                "sha": self.hub.commit(revision),
                "siblings": files,
                "private": False,
                "gated": "auto" if repository in self.hub.gated else False,
                "cardData": {"license": self.hub.licence},
            }
        )

    def _tree(self, repository: str, revision: str) -> None:
        folder = self._folder(repository, revision)
        entries = []
        for name in _names(folder):
            file = folder / name
            entry: dict[str, Any] = {"type": "file", "path": name, "oid": _git_sha1(file)}
            entry["size"] = file.stat().st_size
            if name.endswith(LARGE):
                entry["lfs"] = {"oid": _sha256(file), "size": entry["size"], "pointerSize": 134}
            entries.append(entry)
        self.answer_json(entries)

    def _file(self, repository: str, revision: str, name: str) -> None:
        file = self._folder(repository, revision) / name
        commit = {"X-Repo-Commit": self.hub.commit(revision)}
        if not file.is_file():
            self.refuse(Refusal(404, "EntryNotFound", "Entry not found"))
        elif name.endswith(LARGE):
            headers = {
                "X-Linked-Etag": f'"{_sha256(file)}"',
                "X-Linked-Size": str(file.stat().st_size),
                "Location": f"{self.hub.storage_url}/stored/{repository}/{revision}/{name}",
            }
            self.answer(302, headers | commit)
        else:
            self._content(file, commit | {"ETag": f'"{_git_sha1(file)}"'})

    def _stored(self, repository: str, revision: str, name: str) -> None:
        self._content(self._folder(repository, revision) / name, {})

    def _content(self, file: Path, headers: dict[str, str]) -> None:
        content, status, first = file.read_bytes(), 200, 0
        fault = self._fault(file.name)
        if fault.status is not None:
            wait = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
            self.answer(fault.status, wait)
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and not fault.ignore_range:
            first, last = int(asked[1]), int(asked[2] or len(content) - 1)
            if first >= len(content):
                self.answer(416, {"Content-Range": f"bytes */{len(content)}"})
                return
            headers |= {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
            content, status = content[first : last + 1], 206
        if fault.corrupt and content:
            content = bytes([content[0] ^ 0xFF]) + content[1:]
        sent = [0]
        if self.command == "GET":
            self.hub.contents.append(Request(file.name, first, self.token, sent))
        length = len(content) if fault.listed_length is None else fault.listed_length
        self._head(status, headers | {"Accept-Ranges": "bytes", "Content-Length": str(length)})
        if self.command == "GET":
            self._send(content, fault, sent)

    def _fault(self, name: str) -> Fault:
        fault = self.hub.faults.get(name, self.hub.faults.get("*"))
        if fault is None or fault.times <= 0 or self.command != "GET":
            return Fault()
        fault.times -= 1
        return fault

    def _send(self, content: bytes, fault: Fault, sent: list[int]) -> None:
        ends = [end for end in (fault.cut_after, fault.stall_after) if end is not None]
        end = min([len(content), *ends])
        rate = fault.bytes_per_second
        step = min(_STEP_BYTES, rate) if rate else _FAST_STEP_BYTES
        while sent[0] < end:
            part = content[sent[0] : min(sent[0] + step, end)]
            try:
                self.wfile.write(part)
            except OSError:  # the other side has gone
                self.close_connection = True
                return
            sent[0] += len(part)
            if fault.bytes_per_second:
                time.sleep(len(part) / fault.bytes_per_second)
        if fault.stall_after is not None:
            self.connection.settimeout(30)
            with suppress(OSError):
                self.connection.recv(1)  # until the other side goes
            self.close_connection = True
        elif end < len(content) or fault.listed_length is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _folder(self, repository: str, revision: str) -> Path:
        folder = self.hub.folder(repository, revision)
        assert folder is not None
        return folder

    def answer_json(self, content: object) -> None:
        headers = {"Content-Type": "application/json"}
        self.answer(200, headers, json.dumps(content).encode())

    def refuse(self, refusal: Refusal) -> None:
        headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
        self.answer(refusal.status, {name: text for name, text in headers.items() if text})

    def answer(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
        self._head(status, headers | {"Content-Length": str(len(content))})
        if self.command != "HEAD":
            self.wfile.write(content)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # one that stalls must not hold up the end

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about readers that go away: many tests are of nothing else."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _names(folder: Path) -> list[str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return sorted(file.relative_to(folder).as_posix() for file in files)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _git_sha1(file: Path) -> str:
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def serving(hub: AnyHub, answers: type[HubHandler] = HubHandler) -> Iterator[AnyHub]:
    """Serve ``hub`` while the block runs; afterwards its addresses refuse connections."""
    handler = type("Handler", (answers,), {"hub": hub})
    # Two ports, as the Hub and its storage are two hosts.
    servers = [_Server(("127.0.0.1", 0), handler) for _ in range(2)]
    hub.url, hub.storage_url = (
        f"http://127.0.0.1:{server.server_address[1]}" for server in servers
    )
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        for server in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


def _main() -> None:
    parser = argparse.ArgumentParser(description="Serve a folder of owner/name as a Hub.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rate", type=int, metavar="BYTES_PER_SECOND", help="of each file")
    parser.add_argument("--gated", action="append", default=[], metavar="NAME")
    options = parser.parse_args()
    hub = Hub(gated=set(options.gated), readers={"reader"})
    hub.tokens |= {"hf_reader": "reader", "hf_other": "other"}
    for folder in options.folder.glob("*/*/"):
        hub.folders[folder.relative_to(options.folder).as_posix()] = folder
    if options.rate:
        hub.faults["*"] = Fault(bytes_per_second=options.rate)
    with serving(hub), suppress(KeyboardInterrupt):
        print(*sorted(hub.folders), hub.url, sep="\n", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    _main()
