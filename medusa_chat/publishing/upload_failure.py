"""What went wrong with an upload, as one HubError with what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from medusa_chat.errors import HubError
from medusa_chat.models.hub import client
from medusa_chat.models.hub.explain import reason
from medusa_chat.printable import printable

_TOKENS_PAGE = "https://huggingface.co/settings/tokens"
_LONGEST = 200
_KEPT = "What was uploaded is kept, and not sent again."


def no_token(repository: str) -> HubError:
    """Return what is to be said where nobody is logged in."""
    return HubError(
        f"Nothing can be uploaded to {repository} without a token: make one with the right to "
        f"write at {_TOKENS_PAGE}, then set HF_TOKEN or run `hf auth login`.",
        "unauthorized",
        repository,
    )


def may_not_write(repository: str, why: str) -> HubError:
    """Return what is to be said where the token has not the right to."""
    return HubError(
        f"This token may not write to {repository} ({why}): take a name under your own account, or "
        f"a token with the right to write ({_TOKENS_PAGE}), then {_other_token()}.",
        "unauthorized",
        repository,
    )


def _other_token() -> str:
    variable = client.token_variable()
    return "run `hf auth login`" if variable is None else f"change {variable}"


def explain(error: Exception, repository: str) -> HubError:
    """Return what an error of huggingface_hub, its HTTP library or the disk means.

    The library wraps some errors into others, so causes are looked at too.
    """
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HTTPError,  # its HTTP library's, whichever that is
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    )

    for one in _causes(error):
        if isinstance(one, OfflineModeIsEnabled):
            return HubError(
                f"{repository} cannot be uploaded to while offline mode is on: unset "
                "HF_HUB_OFFLINE first.",
                "offline",
                repository,
            )
        if isinstance(one, LocalTokenNotFoundError):
            return no_token(repository)
        if isinstance(one, HfHubHTTPError) and one.response is not None:
            said = printable(str(one.server_message or "")).replace("\n", " ").strip()
            return of_status(one.response.status_code, repository, said[:_LONGEST].rstrip(". "))
        if isinstance(one, HTTPError | ConnectionError | TimeoutError):
            return _unreachable(one, repository)
    for one in _causes(error):
        if isinstance(one, OSError):
            return HubError(
                f"A file could not be read while it was uploaded to {repository} "
                f"({one.strerror or reason(one)}): check the folder, then try again.",
                "server",
                repository,
            )
    # What is wrapped says more than what wraps it.
    *_, first = (one for one in _causes(error) if isinstance(one, Exception))
    return HubError(
        f"The Hub's answer about {repository} cannot be read ({reason(first)}): try again, or "
        "check HF_ENDPOINT and any proxy.",
        "server",
        repository,
    )


def of_status(status: int, repository: str, said: str) -> HubError:
    """Return what is to be said of an answer with an error's status, and the Hub's own words."""
    why = f"{status}: {said}" if said else str(status)
    words = f" ({why})"
    if status == 401:
        return HubError(
            f"The Hub does not take this token{words}: make another with the right to write at "
            f"{_TOKENS_PAGE}, then {_other_token()}.",
            "unauthorized",
            repository,
        )
    if status in (402, 413):
        return HubError(
            f"The account has no room for {repository} on the Hub{words}: delete something there, "
            "or use another owner.",
            "no_space",
            repository,
        )
    if status == 403:
        return may_not_write(repository, why)
    if status == 404:
        return HubError(
            f"There is no {repository} on the Hub any more{words}: try again, to make it anew.",
            "not_found",
            repository,
        )
    if status in (409, 412):
        return HubError(
            f"Somebody else changed {repository} at the same time{words}: look at it, then try "
            f"again. {_KEPT}",
            "server",
            repository,
        )
    if status == 429:
        return HubError(
            f"The Hub answers that too much was asked of it{words}, about {repository}: try again "
            f"in some minutes. {_KEPT}",
            "rate_limited",
            repository,
        )
    if status >= 500:
        return HubError(
            f"The Hub fails on {repository}{words}: try again later. {_KEPT}", "server", repository
        )
    return HubError(
        f"The Hub refuses what is uploaded to {repository}{words}: mend that, then try again.",
        "server",
        repository,
    )


def _unreachable(error: BaseException, repository: str) -> HubError:
    from huggingface_hub import constants

    why = reason(error) if isinstance(error, Exception) else type(error).__name__
    return HubError(
        f"{repository} cannot be uploaded to, since the Hub ({constants.ENDPOINT}) cannot be "
        f"reached ({why}): check the network, then try again. {_KEPT}",
        "unreachable",
        repository,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__
