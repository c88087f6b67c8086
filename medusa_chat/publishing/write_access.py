"""Whether a token may write to a repository, as far as the Hub tells before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from medusa_chat.models.hub import client
from medusa_chat.printable import printable
from medusa_chat.publishing.upload_failure import explain, may_not_write

Answer = TypeVar("Answer")


def check_write_access(repository: str, *, exists: bool) -> None:
    """Raise HubError where the Hub says that the token in use may not write to ``repository``.

    What the Hub does not tell is left for the upload itself to find out.
    """
    api = client.api()
    if exists:
        may = _answer(lambda: api.auth_check(repository, write=True) is None, repository)
        if may is not None:
            return
    why = hindrance(_answer(api.whoami, repository), repository, exists=exists)
    if why is not None:
        raise may_not_write(repository, why)


def hindrance(account: object, repository: str, *, exists: bool) -> str | None:
    """Return why the token of which ``account`` tells cannot write there; None if it may.

    ``account`` is what ``/api/whoami-v2`` answers: a token's role, or the rights that it was given
    one by one, its owner and the owner's organisations.
    """
    match account:
        case {"name": str(name), "auth": {"accessToken": {"role": str(role), **token}}, **others}:
            pass
        case _:
            return None
    if role == "read":
        return "it may only read"
    if role == "fineGrained" and _writes_nowhere(token.get("fineGrained")):
        return "it was given no right to write"
    if exists:  # a repository may have rules of its own
        return None
    owner = repository.partition("/")[0]
    listed = others.get("orgs")
    by_name = {name.casefold(): None} | {
        str(one["name"]).casefold(): one
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and "name" in one
    }
    if owner.casefold() not in by_name:
        return f"it belongs to {printable(name)}, not to {owner}"
    match by_name[owner.casefold()]:
        case {"roleInOrg": "read", **rules} if not rules.get("resourceGroups"):
            return f"{printable(name)} may only read what is {owner}'s"
    return None


def _writes_nowhere(rights: object) -> bool:
    """Return whether these rights are known, and that to write to repositories is not one."""
    match rights:
        case {"scoped": list(scoped), **others}:
            given = others.get("global")
            names = list(given) if isinstance(given, list) else []
            for one in scoped:
                if not isinstance(one, dict) or not isinstance(one.get("permissions"), list):
                    return False
                names += one["permissions"]
            return not any(str(one).startswith("repo.") and "write" in str(one) for one in names)
    return False


def _answer(question: Callable[[], Answer], repository: str) -> Answer | None:
    """Return what the Hub answers, None if it does not. Raises HubError where it refuses."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    try:
        return question()
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code in (401, 403):
            raise explain(error, repository) from error
    except (HTTPError, OSError, ValueError):
        pass
    return None
