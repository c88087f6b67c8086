"""A small Hugging Face Hub on loopback: what huggingface_hub asks of the real one, no more."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_MODEL = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?")
_TREE = re.compile(r"/api/models/([^/]+/[^/]+)/tree/[^/]+")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)")
_STORED = re.compile(r"/stored/([^/]+/[^/]+)/(.+)")
# Weights are kept elsewhere, and the Hub redirects to there.
_REDIRECTED = (".safetensors", ".bin", ".pt")


@dataclass(frozen=True)
class Refusal:
    """How every request about a repository is refused."""

    status: int
    code: str = ""
    message: str = ""


@dataclass
class Hub:
    """What is on the Hub, and what was asked of it."""

    folders: dict[str, Path] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """``METHOD /path`` of each, in order."""
    url: str = ""

    def file(self, repository: str, name: str) -> Path | None:
        folder = self.folders.get(repository)
        return folder / name if folder and (folder / name).is_file() else None

    @property
    def environment(self) -> dict[str, str]:
        """What points a process at this Hub."""
        return {"HF_ENDPOINT": self.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:  # http.server's name
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay silent."""

    def _serve(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"{self.command} {path}")
        for pattern, serve in (
            (_TREE, self._tree),
            (_MODEL, self._model),
            (_FILE, self._file),
            (_STORED, self._stored),
        ):
            if match := pattern.fullmatch(path):
                repository, *rest = match.groups()
                refusal = self.hub.refusals.get(repository)
                if refusal is None and repository not in self.hub.folders:
                    # As the real one answers who is not logged in, lest names of private ones leak.
                    refusal = Refusal(401, "RepoNotFound", "Repository not found")
                if refusal is None:
                    serve(repository, *rest)
                else:
                    self._refuse(refusal)
                return
        self._refuse(Refusal(404))

    def _model(self, repository: str) -> None:
        files = [{"rfilename": name} for name in self._names(repository)]
        self._json({"id": repository, "sha": _COMMIT, "siblings": files, "private": False})

    def _tree(self, repository: str) -> None:
        entries = []
        for name in self._names(repository):
            file = self.hub.folders[repository] / name
            entry: dict[str, Any] = {"type": "file", "path": name, "oid": _etag(file)[:40]}
            entry["size"] = file.stat().st_size
            if name.endswith(_REDIRECTED):
                entry["lfs"] = {"oid": _etag(file), "size": entry["size"], "pointerSize": 134}
            entries.append(entry)
        self._json(entries)

    def _file(self, repository: str, name: str) -> None:
        file = self.hub.file(repository, name)
        if file is None:
            self._refuse(Refusal(404, "EntryNotFound", "Entry not found"))
        elif name.endswith(_REDIRECTED):
            headers = {
                "X-Linked-Etag": f'"{_etag(file)}"',
                "X-Linked-Size": str(file.stat().st_size),
                "Location": f"{self.hub.url}/stored/{repository}/{name}",
            }
            self._answer(302, headers)
        else:
            self._stored(repository, name)

    def _stored(self, repository: str, name: str) -> None:
        file = self.hub.file(repository, name)
        assert file is not None
        content, headers, status = file.read_bytes(), {"ETag": f'"{_etag(file)}"'}, 200
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(match[1]), int(match[2] or len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            content, status = content[first : last + 1], 206
        self._answer(status, headers | {"Accept-Ranges": "bytes"}, content)

    def _names(self, repository: str) -> list[str]:
        folder = self.hub.folders[repository]
        files = (file for file in folder.rglob("*") if file.is_file())
        return sorted(file.relative_to(folder).as_posix() for file in files)

    def _json(self, content: object) -> None:
        headers = {"Content-Type": "application/json"}
        self._answer(200, headers, json.dumps(content).encode())

    def _refuse(self, refusal: Refusal) -> None:
        headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
        self._answer(refusal.status, {name: text for name, text in headers.items() if text})

    def _answer(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("X-Repo-Commit", _COMMIT)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _etag(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve ``hub`` while the block runs; afterwards its address refuses connections."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
