"""A folder's files to a repository on the Hub, with every failure in words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from medusa_chat.errors import HubError, UsageError
from medusa_chat.models.hub import client
from medusa_chat.models.hub.account import token_source
from medusa_chat.models.hub.reference import MAIN, parse
from medusa_chat.publishing.upload_failure import explain, no_token
from medusa_chat.publishing.write_access import check_write_access

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Target:
    """A repository to upload to, as it is before."""

    repository: str
    exists: bool
    private: bool
    """As it is, or as it will be made."""
    files: frozenset[str]
    """What it holds already."""


def find_target(repository: str, *, private: bool) -> Target:
    """Ask the Hub what ``repository`` is now; nothing is changed.

    Raises UsageError for a name that cannot be, or a public repository where a private one was
    asked for, and HubError without a token, without the right to write there, or where the Hub
    does not answer.
    """
    reference = parse(repository)
    if reference.revision != MAIN or "/" not in reference.repository:
        raise UsageError(f"--repo {repository} is no place to upload to: write owner/name.")
    name = reference.repository
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if _asked(token_source, name) is None:
        raise no_token(name)
    try:
        info = client.api().model_info(name, timeout=client.TIMEOUT_SECONDS)
    except GatedRepoError as error:
        raise explain(error, name) from error
    except RepositoryNotFoundError as error:
        # A wrong token is answered in the same way as a name that is not there.
        if error.response.status_code == 401 and client.account() is None:
            raise explain(error, name) from error
        check_write_access(name, exists=False)
        return Target(name, exists=False, private=private, files=frozenset())
    except Exception as error:
        raise explain(error, name) from error
    if private and not info.private:
        raise UsageError(
            f"{name} is there already, and public: leave out --private, or take another name."
        )
    check_write_access(name, exists=True)
    files = frozenset(one.rfilename for one in info.siblings or ())
    return Target(name, exists=True, private=bool(info.private), files=files)


def upload(target: Target, folder: Path, names: Sequence[str], message: str) -> str:
    """Upload the files called ``names``, in one commit; return the page that shows them.

    The repository is made where there is none. Raises HubError with what to do.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()

    def send() -> None:
        api = client.api()
        if not target.exists:
            api.create_repo(target.repository, private=target.private, exist_ok=True)
        api.upload_folder(
            repo_id=target.repository,
            folder_path=folder,
            # Names are patterns there, and these are meant to the letter.
            allow_patterns=[name.replace("[", "[[]") for name in names],
            commit_message=message,
        )

    _asked(send, target.repository)
    return f"{constants.ENDPOINT}/{target.repository}"


def _asked(question: Callable[[], Answer], repository: str) -> Answer:
    try:
        return question()
    except HubError:
        raise
    except Exception as error:  # several libraries take part, each with errors of its own
        raise explain(error, repository) from error
