"""What the Hub says of a repository: one request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medusa_chat.errors import HubError
from medusa_chat.models.hub import cache, client
from medusa_chat.models.hub.checksum import is_checksum
from medusa_chat.models.hub.contents import (
    CONFIG,
    check_names,
    has_tokenizer,
    heads_file,
    wanted,
    weights,
)
from medusa_chat.models.hub.explain import explain
from medusa_chat.models.hub.plan import RemoteFile, RepositoryPlan
from medusa_chat.models.hub.reference import Reference
from medusa_chat.printable import printable

_MEDUSA = "medusa"
"""The kind of model that vLLM makes of heads alone."""
_LONGEST_CONFIG_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at the commit that a reference is at now."""

    reference: Reference
    commit: str
    files: tuple[RemoteFile, ...]
    """All of them, not only what a model needs."""
    licence: str | None
    gated: bool

    @property
    def names(self) -> frozenset[str]:
        """The files' names."""
        return frozenset(file.name for file in self.files)

    @property
    def is_heads_only(self) -> bool:
        """Whether a file of heads alone is there, as Medusa's own tools write it."""
        return heads_file(self.names) is not None

    def plan(self) -> RepositoryPlan:
        """Return what a model needs of it, and how much of that is here. Raises HubError."""
        names = self.names
        chosen = wanted(names)
        repository = self.reference.repository
        if not self.is_heads_only:
            if not weights(names):
                raise _unusable(repository, "no weights that transformers reads")
            if CONFIG not in names:
                raise _unusable(repository, "weights, but no config.json")
        files = tuple(file for file in self.files if file.name in chosen)
        return RepositoryPlan(
            self.reference,
            self.commit,
            files,
            sum(cache.bytes_here(repository, self.commit, file) for file in files),
            self.licence,
            self.gated,
        )


def list_repository(reference: Reference) -> Listing:
    """Ask the Hub what is at ``reference``. Raises HubError."""
    from huggingface_hub.errors import HTTPError  # its HTTP library's, whichever that is

    try:
        info = client.ask(
            lambda: client.api().model_info(
                reference.repository,
                revision=reference.revision,
                files_metadata=True,
                timeout=client.TIMEOUT_SECONDS,
            )
        )
        files = tuple(_file(sibling) for sibling in info.siblings or ())
        card = info.card_data
        licence = card.get("license") if card is not None else None
        commit = str(info.sha)
        is_gated = bool(info.gated)
    except (HTTPError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise explain(error, reference) from error
    check_names([file.name for file in files], reference.repository)
    if not _is_commit(commit) or not all(is_checksum(file.etag) for file in files):
        raise explain(ValueError("it has no checksums"), reference)
    return Listing(
        reference, commit, files, printable(str(licence))[:60] if licence else None, is_gated
    )


def read_config(listing: Listing) -> dict[str, Any]:
    """Return the repository's ``config.json``, empty when it has none. Raises HubError.

    That is a file that a gated repository does not give to everybody, too.
    """
    file = next((file for file in listing.files if file.name == CONFIG), None)
    if file is None:
        return {}
    if file.size > _LONGEST_CONFIG_BYTES:
        raise explain(ValueError(f"its config.json has {file.size} bytes"), listing.reference)
    repository = listing.reference.repository
    blob = cache.blob_path(repository, file.etag)
    pointer = cache.snapshot_path(repository, listing.commit) / CONFIG
    here = next((path for path in (blob, pointer) if path.is_file()), None)
    if here is not None and not listing.gated:
        return _object(here.read_bytes())
    return _object(_get(listing, file))


def config_in(folder: Path) -> dict[str, Any]:
    """Return the ``config.json`` of a folder on this machine, empty when it has none."""
    file = folder / CONFIG
    return _object(file.read_bytes()) if file.is_file() else {}


def needs_base(listing: Listing, config: dict[str, Any]) -> bool:
    """Return whether these are heads whose base lies elsewhere.

    Raises HubError for a model of its own without a tokenizer: nobody can chat with it.
    """
    if listing.is_heads_only or config.get("model_type") == _MEDUSA:
        return True
    if not has_tokenizer(listing.names):
        raise _unusable(listing.reference.repository, "weights, but no tokenizer")
    return False


def _get(listing: Listing, file: RemoteFile) -> bytes:
    from huggingface_hub.errors import HTTPError
    from huggingface_hub.utils import get_session, hf_raise_for_status

    url = client.file_url(listing.reference.repository, listing.commit, file.name)

    def get() -> bytes:
        answer = get_session().get(url, headers=client.headers(), timeout=client.TIMEOUT_SECONDS)
        hf_raise_for_status(answer)
        return bytes(answer.content)

    try:
        return client.ask(get)
    except (HTTPError, OSError) as error:
        raise explain(error, listing.reference) from error


def _object(content: bytes) -> dict[str, Any]:
    try:
        config = json.loads(content)
    except ValueError:
        return {}  # the loader says what is wrong with it
    return config if isinstance(config, dict) else {}


def _file(sibling: Any) -> RemoteFile:
    large = sibling.lfs
    etag = str(large.sha256 if large else sibling.blob_id)
    size = int(large.size if large else sibling.size)
    if size < 0:
        raise ValueError(f"a file has {size} bytes")
    return RemoteFile(str(sibling.rfilename), size, etag)


def _is_commit(text: str) -> bool:
    return len(text) == 40 and is_checksum(text)


def _unusable(repository: str, what: str) -> HubError:
    return HubError(
        f"{repository} holds {what}: name a repository with a language model or Medusa heads.",
        "no_weights",
        repository,
    )
