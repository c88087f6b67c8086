"""Who may write where, by what the Hub tells of a token."""

from __future__ import annotations

from typing import Any

import pytest

from medusa_chat.publishing.write_access import hindrance

TEAM = {"name": "Team", "roleInOrg": "contributor"}


def account(role: str, *organisations: object, **token: object) -> dict[str, Any]:
    """Return what the Hub answers of me."""
    access = {"displayName": "a token", "role": role} | token
    auth = {"type": "access_token", "accessToken": access}
    return {"type": "user", "name": "me", "auth": auth, "orgs": list(organisations)}


def rights(*permissions: str, **others: object) -> dict[str, object]:
    entity = {"type": "user", "name": "me"}
    return {"scoped": [{"entity": entity, "permissions": list(permissions)}]} | others


@pytest.mark.parametrize(
    ("told", "repository", "why"),
    [
        (account("write"), "me/heads", None),
        (account("write"), "Me/heads", None),
        (account("read"), "me/heads", "it may only read"),
        (account("write"), "you/heads", "it belongs to me, not to you"),
        (account("write", TEAM), "team/heads", None),
        (account("write", TEAM | {"roleInOrg": "read"}), "team/heads", "only read what is team's"),
        (account("write", TEAM | {"roleInOrg": "read", "resourceGroups": [{}]}), "team/a", None),
        (account("fineGrained", fineGrained=rights("repo.write")), "me/heads", None),
        (account("fineGrained", fineGrained=rights("repo.content.read")), "me/heads", "no right"),
        (account("fineGrained", fineGrained=rights("discussion.write")), "me/heads", "no right"),
        (
            account("fineGrained", fineGrained=rights("x", **{"global": ["repo.write"]})),
            "me/a",
            None,
        ),
        # Of what is not known nothing is said.
        (account("fineGrained"), "me/heads", None),
        (account("fineGrained", fineGrained={"scoped": ["x"]}), "me/heads", None),
        ({"name": "me", "auth": {"type": "oauth"}}, "you/heads", None),
        (account("write") | {"orgs": "none"}, "me/heads", None),
        ([], "me/heads", None),
        (None, "me/heads", None),
    ],
)
def test_a_new_repository(told: object, repository: str, why: str | None) -> None:
    found = hindrance(told, repository, exists=False)
    assert found is None if why is None else why in str(found)


def test_one_that_is_there_may_have_rules_of_its_own() -> None:
    assert hindrance(account("write"), "you/heads", exists=True) is None
    assert hindrance(account("read"), "you/heads", exists=True) == "it may only read"
