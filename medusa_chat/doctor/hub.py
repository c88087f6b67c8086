"""Whether the Hub answers, and whom its token belongs to. The token itself is never told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medusa_chat import __version__
from medusa_chat.doctor.finding import Finding

_TIMEOUT_SECONDS = 8.0
_TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""In the order in which the Hub's library takes them."""
_LOG_IN = "For gated and private models set HF_TOKEN, or run `hf auth login`."
_RENEW = "Make a new one at https://huggingface.co/settings/tokens, then "


def look(offline: bool) -> Iterator[Finding]:
    """Yield whether the Hub can be reached, and what is known of the token.

    One request, none when ``offline`` or in the Hub's own offline mode.
    """
    from huggingface_hub import constants

    source = token_source(Path(constants.HF_TOKEN_PATH))
    if offline or constants.HF_HUB_OFFLINE:
        if constants.HF_HUB_OFFLINE:
            variable = next(
                (name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if os.getenv(name)),
                "HF_HUB_OFFLINE",
            )
            yield Finding(
                "Hub",
                "note",
                f"offline mode is on ({variable}): only models that are here can be loaded",
                f"Unset {variable} to download models.",
            )
        else:
            yield Finding("Hub", "note", f"{constants.ENDPOINT} was not asked (--offline)")
        yield _unchecked_token(source)
        return
    yield from _ask(constants.ENDPOINT, source)


def token_source(file: Path) -> str | None:
    """Return where the token comes from, in words; None when there is none."""
    for name in _TOKEN_VARIABLES:
        if os.environ.get(name, "").strip():
            return name
    try:
        return str(file) if file.read_text("utf-8").strip() else None
    except (OSError, UnicodeDecodeError):
        return None


def _ask(endpoint: str, source: str | None) -> Iterator[Finding]:
    from huggingface_hub import get_token
    from huggingface_hub.utils import get_session

    token: str | None = None
    unchecked = _unchecked_token(source)
    try:
        token = get_token()
        if token is not None and not _is_header(token):
            token, unchecked = None, _odd_token(source)
        # Answered with 401 when there is no token, which is an answer too.
        response: Any = get_session().get(
            f"{endpoint}/api/whoami-v2",
            headers=_headers(token),
            timeout=_TIMEOUT_SECONDS,
        )
    except Exception as error:  # noqa: BLE001  # its HTTP library has many, some outside its tree
        yield _unreachable(endpoint, error, token)
        yield unchecked
        return
    status = int(response.status_code)
    account = _account(response)
    if status >= 500:
        yield Finding(
            "Hub",
            "warning",
            f"{endpoint} answers, but fails (status {status})",
            "Try again later: https://status.huggingface.co",
        )
    elif status == 407 or (status < 400 and account is None):
        yield Finding(
            "Hub",
            "warning",
            f"something else answers for {endpoint} (status {status})",
            "Check the proxy, log in to the network, or check HF_ENDPOINT.",
        )
    elif status == 429:
        yield Finding(
            "Hub",
            "note",
            f"{endpoint} answers, but has had too many requests from here",
            "Wait some minutes.",
        )
    else:
        yield Finding("Hub", "ok", f"{endpoint} answers{_proxy_words(endpoint)}")
    if token is None:
        yield unchecked
    elif status in (401, 403):
        yield Finding(
            "Hub token",
            "warning",
            f"refused by the Hub, from {source or 'its vault'}",
            _renewal(source),
        )
    elif account is not None:
        yield Finding("Hub token", "ok", f"of {account}, from {source or 'its vault'}")
    else:
        yield unchecked


def _is_header(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token


def _odd_token(source: str | None) -> Finding:
    return Finding(
        "Hub token",
        "warning",
        f"from {source or 'its vault'}, with signs in it that no token has",
        _renewal(source),
    )


def _renewal(source: str | None) -> str:
    """Return how to replace a token. One of the environment hides any that is stored."""
    if source in _TOKEN_VARIABLES:
        return f"{_RENEW}put it into {source}; or unset {source} and run `hf auth login`."
    return f"{_RENEW}run `hf auth login`."


def _headers(token: str | None) -> dict[str, str]:
    # The library's own headers cost it a request more, for what it counts its users by.
    headers = {"User-Agent": f"medusa-chat/{__version__}"}
    return headers | {"Authorization": f"Bearer {token}"} if token else headers


def _account(response: Any) -> str | None:
    """Return the name in the Hub's answer; None when there is none, or it is no Hub's."""
    try:
        name = response.json()["name"]
    except (ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None


def _unchecked_token(source: str | None) -> Finding:
    if source is None:
        return Finding("Hub token", "note", "none; public models need none", _LOG_IN)
    return Finding("Hub token", "note", f"from {source}; not known whose it is")


def _unreachable(endpoint: str, error: Exception, token: str | None) -> Finding:
    reason = (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__
    if token:
        # A token that cannot stand in a header is named in the error.
        reason = reason.replace(token, "…")
    lower = reason.lower()
    if "certificate" in lower:
        remedy = "Is there a proxy that reads along? Set SSL_CERT_FILE to its certificate."
    elif "HF_ENDPOINT" in os.environ:
        remedy = "Check HF_ENDPOINT and the network. Models that are here can be used without it."
    else:
        remedy = "Check the network and any proxy. Models that are here can be used without it."
    return Finding(
        "Hub", "warning", f"{endpoint} cannot be reached{_proxy_words(endpoint)}: {reason}", remedy
    )


def _proxy_words(endpoint: str) -> str:
    scheme = endpoint.partition(":")[0]
    for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"):
        if os.environ.get(name):
            return f" (a proxy is set: {name})"
    return ""
