"""The loopback Hub, taking uploads too: repositories, large files, commits, and their refusals."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from loopback_hub import LARGE, Hub, HubHandler, Refusal


@dataclass
class UploadingHub(Hub):
    """A Hub with accounts that may write under their own names."""

    root: Path = Path()
    """Where new repositories are kept."""
    private: set[str] = field(default_factory=set)
    readers_only: set[str] = field(default_factory=set)
    """Accounts whose tokens may not write."""
    organisations: list[dict[str, str]] = field(default_factory=list)
    """Of every account, as the Hub lists them."""
    large: dict[str, bytes] = field(default_factory=dict)
    """Contents of large files, by SHA-256."""
    commits_made: list[tuple[str, str, list[str]]] = field(default_factory=list)
    """Repository, message and files of each."""
    failing: dict[str, Refusal] = field(default_factory=dict)
    """How requests are refused whose path has this in it; ``times`` counts down."""


class UploadingHandler(HubHandler):
    """Answers for a Hub that takes uploads."""

    hub: UploadingHub

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        repository = unquote(urlsplit(self.path).path).removeprefix("/api/models/")
        if not repository.endswith("/auth-check/write"):
            super().do_GET()
        elif self._path() is not None:
            account = self.hub.tokens.get(self.token or "", "")
            if self._may_write(account, repository.partition("/")[0]):
                self.answer(200, {})

    def do_POST(self) -> None:  # noqa: N802
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self._path()
        if path is None:
            return
        account = self.hub.tokens.get(self.token or "")
        if path == "/api/validate-yaml":
            self.answer_json({"errors": [], "warnings": []})
        elif account is None:
            self.refuse(Refusal(401, message="Invalid credentials in Authorization header"))
        elif path == "/api/repos/create":
            self._create(account, json.loads(content))
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._batch(json.loads(content))
        else:
            _, _, _, owner, name, action, *_ = path.split("/")
            repository = f"{owner}/{name}"
            if not self._may_write(account, owner):
                return
            if action == "preupload":
                self._preupload(json.loads(content))
            elif action == "commit":
                lines = [json.loads(line) for line in content.splitlines()]
                self._commit(repository, lines)
            else:
                self.refuse(Refusal(404))

    def do_PUT(self) -> None:  # noqa: N802
        path = self._path()
        if path is None:
            return
        if self.headers.get("Transfer-Encoding") == "chunked":
            content = b"".join(self._chunks())
        else:
            content = self.rfile.read(int(self.headers["Content-Length"]))
        oid = path.rpartition("/")[2]
        if hashlib.sha256(content).hexdigest() != oid:
            self.refuse(Refusal(400, message="another content than was announced"))
            return
        self.hub.large[oid] = content
        self.answer(200, {"ETag": oid})

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _path(self) -> str | None:
        """Return what is asked for; None where it was refused."""
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        for part, refusal in self.hub.failing.items():
            if part in path:
                self.refuse(refusal)
                return None
        return path

    def _create(self, account: str, asked: dict[str, Any]) -> None:
        owner = asked.get("organization") or account
        name = f"{owner}/{asked['name']}"
        if not self._may_write(account, owner):
            return
        if name in self.hub.folders:
            self.refuse(Refusal(409, message="You already created this model repo"))
            return
        self.hub.folders[name] = self.hub.root / name
        self.hub.folders[name].mkdir(parents=True)
        if asked.get("visibility") == "private":
            self.hub.private.add(name)
        self.answer_json({"url": f"{self.hub.url}/{name}", "name": name, "id": "1"})

    def _may_write(self, account: str, owner: str) -> bool:
        owners = {account} | {one["name"] for one in self.hub.organisations}
        may = owner in owners and account not in self.hub.readers_only
        if not may:
            message = f"You don't have the rights to create a model under the namespace {owner}"
            self.refuse(Refusal(403, message=message))
        return may

    def _preupload(self, asked: dict[str, Any]) -> None:
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for file in asked["files"]
        ]
        self.answer_json({"files": files})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = []
        for one in asked["objects"]:
            if one["oid"] in self.hub.large:
                objects.append(one)
                continue
            href = f"{self.hub.storage_url}/lfs/{one['oid']}"
            objects.append(one | {"actions": {"upload": {"href": href, "header": {}}}})
        self.answer_json({"objects": objects, "transfer": "basic"})

    def _commit(self, repository: str, lines: list[dict[str, Any]]) -> None:
        folder = self.hub.folders[repository]
        header, *operations = lines
        for one in operations:
            value = one["value"]
            content = (
                self.hub.large[value["oid"]]
                if one["key"] == "lfsFile"
                else base64.b64decode(value["content"])
            )
            (folder / value["path"]).write_bytes(content)
        names = sorted(one["value"]["path"] for one in operations)
        self.hub.commits_made.append((repository, header["value"]["summary"], names))
        oid = f"{len(self.hub.commits_made):040}"
        url = f"{self.hub.url}/{repository}/commit/{oid}"
        self.answer_json({"success": True, "commitOid": oid, "commitUrl": url})

    def answer_json(self, content: object) -> None:
        if isinstance(content, dict) and "siblings" in content:
            content = content | {"private": content["id"] in self.hub.private}
        if isinstance(content, dict) and "auth" in content:
            role = "read" if content["name"] in self.hub.readers_only else "write"
            content["auth"]["accessToken"]["role"] = role
            content["orgs"] = self.hub.organisations
        super().answer_json(content)
