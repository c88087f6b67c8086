"""The user's account at the Hub: the token that other programs with huggingface_hub use too."""

from __future__ import annotations

from typing import Literal

from medusa_chat.errors import HubError, UsageError
from medusa_chat.models.hub import client
from medusa_chat.models.hub.explain import reason
from medusa_chat.printable import printable


def token_source() -> Literal["HF_TOKEN", "stored"] | None:
    """Return where the token comes from that requests are made with; None without one."""
    from huggingface_hub import get_token

    if client.token_variable() is not None:
        return "HF_TOKEN"
    return "stored" if get_token() else None


def save_token(token: str) -> str:
    """Check a token at the Hub, store it where huggingface_hub looks, and return its account.

    Raises HubError when the Hub does not know it or cannot be asked, UsageError when it would not
    be used.
    """
    from huggingface_hub import constants, login
    from huggingface_hub.errors import (
        HTTPError,  # its HTTP library's, whichever that is
        OfflineModeIsEnabled,
    )
    from huggingface_hub.utils import get_session, hf_raise_for_status

    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("That is no token: make one at https://huggingface.co/settings/tokens.")
    if token_source() == "HF_TOKEN":
        raise UsageError(
            "HF_TOKEN is set, and is used in place of any stored token: put the new one there, or "
            "unset it and start again."
        )
    try:
        client.api()  # checks the address
        answer = get_session().get(
            f"{constants.ENDPOINT}/api/whoami-v2",
            headers={"Authorization": f"Bearer {token}"},
            timeout=client.TIMEOUT_SECONDS,
        )
        if answer.status_code in (401, 403):
            raise HubError(
                f"The Hub does not know this token ({answer.status_code}): copy it again from "
                "https://huggingface.co/settings/tokens, with the right to read.",
                "unauthorized",
                "",
            )
        hf_raise_for_status(answer)
        name = printable(str(answer.json()["name"]))
        login(token=token, add_to_git_credential=False)
    except HubError:
        raise
    except PermissionError as error:
        raise HubError(
            f"The token is right, but cannot be stored ({reason(error)}): set HF_TOKEN instead.",
            "unwritable",
            "",
        ) from error
    except OfflineModeIsEnabled as error:
        raise HubError(
            "The token cannot be checked while offline mode is on: unset HF_HUB_OFFLINE first.",
            "offline",
            "",
        ) from error
    except (HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        raise HubError(
            f"The Hub ({constants.ENDPOINT}) cannot be asked about the token ({reason(error)}): "
            "check the network, then try again.",
            "unreachable",
            "",
        ) from error
    return name


def licence_page(repository: str) -> str:
    """Return the page on which a gated model's licence is accepted."""
    return client.licence_page(repository)
