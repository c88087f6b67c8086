"""huggingface_hub, made ready: imported when it is needed, and silent."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from medusa_chat.printable import printable

TIMEOUT_SECONDS = 10
"""For an answer of the Hub about a repository."""
WAITS_SECONDS = (0.2, 0.8)
_FAST_SECONDS = 2.0
_PROGRAM = "medusa-chat"
_TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""In the order in which the Hub's library takes them."""
_LONGEST_NAME = 60

Answer = TypeVar("Answer")


def silence() -> None:
    """Keep the library from writing across the screen, and from telling the Hub about its user."""
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()
    constants.HF_HUB_DISABLE_TELEMETRY = True


def api() -> Any:
    """Return the library's client, silent. Raises ValueError where HF_ENDPOINT is no address."""
    from huggingface_hub import HfApi, constants

    silence()
    _ = urlsplit(constants.ENDPOINT).port
    return HfApi(library_name=_PROGRAM)


def headers() -> dict[str, str]:
    """Return the headers of a request for a file, the user's token among them if there is one."""
    from huggingface_hub.utils import build_hf_headers

    silence()
    made: dict[str, str] = build_hf_headers(library_name=_PROGRAM)
    # Packed bodies have neither the length nor the byte ranges of the file.
    return made | {"Accept-Encoding": "identity"}


def token_variable() -> str | None:
    """Return the variable of the environment that holds a token, before any that is stored."""
    return next((name for name in _TOKEN_VARIABLES if os.environ.get(name, "").strip()), None)


def account() -> str | None:
    """Ask the Hub whose its user's token is; None without one, and where it does not say."""
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled
    from huggingface_hub.utils import get_session

    if get_token() is None:
        return None
    try:
        url = f"{constants.ENDPOINT}/api/whoami-v2"
        answer = get_session().get(url, headers=headers(), timeout=TIMEOUT_SECONDS)
        return printable(str(answer.json()["name"]))[:_LONGEST_NAME] or None
    except (HTTPError, OfflineModeIsEnabled, OSError, ValueError, KeyError, TypeError):
        return None


def ask(question: Callable[[], Answer]) -> Answer:
    """Return what ``question`` does, asked again where a connection or the Hub fails at once.

    What fails slowly is not repeated: somebody is waiting.
    """
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    for wait_seconds in WAITS_SECONDS:
        began = time.monotonic()
        try:
            return question()
        except HTTPError as error:
            is_refused = isinstance(error, HfHubHTTPError) and error.response.status_code < 500
            if is_refused or time.monotonic() - began > _FAST_SECONDS:
                raise
        time.sleep(wait_seconds)
    return question()


def file_url(repository: str, commit: str, name: str) -> str:
    """Return where the Hub gives a file at a commit."""
    from huggingface_hub import hf_hub_url

    return str(hf_hub_url(repository, name, revision=commit))


def licence_page(repository: str) -> str:
    """Return the page on which a gated model's licence is accepted."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repository}"
