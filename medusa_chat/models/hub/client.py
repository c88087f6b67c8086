"""huggingface_hub, made ready: imported when it is needed, and silent."""

from __future__ import annotations

from typing import Any

TIMEOUT_SECONDS = 10
"""For an answer of the Hub about a repository."""
_PROGRAM = "medusa-chat"


def api() -> Any:
    """Return the library's client. Its log would be written across the screen: it says nothing."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()
    return HfApi(library_name=_PROGRAM)


def headers() -> dict[str, str]:
    """Return the headers of a request for a file, the user's token among them if there is one."""
    from huggingface_hub.utils import build_hf_headers

    made: dict[str, str] = build_hf_headers(library_name=_PROGRAM)
    # Packed bodies have neither the length nor the byte ranges of the file.
    return made | {"Accept-Encoding": "identity"}


def file_url(repository: str, commit: str, name: str) -> str:
    """Return where the Hub gives a file at a commit."""
    from huggingface_hub import hf_hub_url

    return str(hf_hub_url(repository, name, revision=commit))


def licence_page(repository: str) -> str:
    """Return the page on which a gated model's licence is accepted."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repository}"
