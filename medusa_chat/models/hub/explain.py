"""What went wrong between us and the Hub, as one HubError with what to do next."""

from __future__ import annotations

from pathlib import Path

from medusa_chat.errors import HubError
from medusa_chat.models.hub import client
from medusa_chat.models.hub.client import licence_page
from medusa_chat.models.hub.reference import MAIN, Reference
from medusa_chat.printable import printable

_LONGEST_REASON = 160


def explain(error: Exception, reference: Reference) -> HubError:
    """Return what an error of huggingface_hub or its HTTP library means for ``reference``."""
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        HfHubHTTPError,
        HTTPError,  # its HTTP library's, whichever that is
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = reference.repository
    if isinstance(error, HubError):
        return error
    if isinstance(error, OfflineModeIsEnabled):
        return HubError(
            f"{reference} cannot be fetched while offline mode is on: unset HF_HUB_OFFLINE first.",
            "offline",
            name,
        )
    if isinstance(error, GatedRepoError):  # a kind of RepositoryNotFoundError: asked first
        return gated(name)
    if isinstance(error, RevisionNotFoundError):
        return HubError(
            f"{name} has no branch, tag or commit called {reference.revision}: leave out "
            f"@{reference.revision} to take {MAIN}.",
            "no_revision",
            name,
        )
    if isinstance(error, RepositoryNotFoundError):  # what who has no token gets as 401
        return HubError(
            f"There is no model on the Hub called {name}: check the name. If it is private, "
            f"{_other_token()}.",
            "not_found",
            name,
        )
    if isinstance(error, DisabledRepoError):
        return HubError(
            f"The Hub has closed {name}: take another copy of the model.", "not_found", name
        )
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return of_status(error.response.status_code, reference)
    if isinstance(error, HTTPError | ConnectionError | TimeoutError):
        return unreachable(error, reference)
    return HubError(
        f"The Hub's answer about {reference} cannot be read ({reason(error)}): try again, or check "
        "HF_ENDPOINT and any proxy.",
        "server",
        name,
    )


def of_status(status: int, reference: Reference) -> HubError:
    """Return what is to be said of an answer with an error's status, and nothing more known."""
    name = reference.repository
    if status in (401, 403):
        return HubError(
            f"The Hub does not give {name} to this account ({status}): {_other_token()}.",
            "unauthorized",
            name,
        )
    if status == 429:
        return HubError(
            f"The Hub answers that too much was asked of it (429), about {name}: try again in "
            "five minutes; with a token (HF_TOKEN) more is allowed.",
            "rate_limited",
            name,
        )
    if status >= 500:
        return HubError(f"The Hub fails on {name} ({status}): try again later.", "server", name)
    return HubError(
        f"The Hub does not give {reference} (it answers {status}): try again later.",
        "server",
        name,
    )


def gated(repository: str) -> HubError:
    """Return what is to be said of a model whose licence has to be accepted first.

    The Hub is asked whose token it is, if there is one: that account has not accepted it.
    """
    page, account = licence_page(repository), client.account()
    if account is None:
        words = f"accept its licence at {page}, then {_other_token()}."
    else:
        whose = f"{account}, whose token is in {client.token_variable() or 'use'},"
        words = f"{whose} has no access yet. As {account}, accept its licence at {page}; try again."
    return HubError(f"{repository} is gated: {words}", "gated", repository)


def _other_token() -> str:
    """Return how to come to another token. One of the environment hides any that is stored."""
    variable = client.token_variable()
    if variable is None:
        return "set HF_TOKEN or run `hf auth login`"
    return f"change {variable}, or unset it and run `hf auth login`"


def unreachable(error: Exception, reference: Reference) -> HubError:
    """Return what is to be said where no answer came."""
    from huggingface_hub import constants

    return HubError(
        f"{reference} cannot be fetched, since the Hub ({constants.ENDPOINT}) cannot be reached "
        f"({reason(error)}): check the network, then try again.",
        "unreachable",
        reference.repository,
    )


def unwritable(error: OSError, folder: Path, repository: str) -> HubError:
    """Return what is to be said where the cache cannot be written."""
    return HubError(
        f"{folder} cannot be written ({error.strerror or reason(error)}): give this account the "
        "right to, or set HF_HOME to another folder.",
        "unwritable",
        repository,
    )


def reason(error: Exception) -> str:
    """Return an error's first line, short and without control characters."""
    lines = printable(str(error)).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:_LONGEST_REASON].rstrip(".")
