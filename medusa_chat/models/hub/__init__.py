"""From a model's name to a folder: a local one as it is, a Hub id through the Hub's cache."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medusa_chat.errors import ModelError

Report = Callable[[str], None]
"""Takes a stage of loading, in words."""

_ALLOWED = ("*.json", "*.safetensors", "*.jinja", "*.txt", "tokenizer.model", "medusa_lm_head.pt")
_PICKLES = ("*.bin",)
"""Wanted only where there is no safetensors file."""
_IGNORED = ("*/*", "consolidated*")
"""The same weights again, for other programs: as large as the model."""
_INFO_TIMEOUT_SECONDS = 10
_REPORT_SECONDS = 0.5


def is_hub_id(name: str) -> bool:
    """Return whether ``name`` has the form of a Hub id: ``owner/name`` or a single name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def local_folder(name: str, report: Report) -> Path:
    """Return the folder of the model ``name``, downloading it when it is a Hub id.

    Raises ModelError, with what to do next, when there is no such folder or the Hub does not give
    it. Files already in the Hub's cache are not downloaded again.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ModelError(f"{name} is a file: give a folder or a Hub id (owner/name).")
    if folder.is_absolute() or name.startswith((".", "~")) or not is_hub_id(name):
        raise ModelError(f"{name} does not exist: give a folder or a Hub id (owner/name).")
    return _download(name, report)


def _download(name: str, report: Report) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HTTPError,  # its HTTP library's, whichever that is
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()
    cached = _cached(name)
    if cached is not None:
        return cached
    report(f"Looking for {name} on the Hub")
    try:
        # Not list_repo_files: where there is no network, that one tries for half a minute.
        files = HfApi().model_info(name, timeout=_INFO_TIMEOUT_SECONDS).siblings or []
        names = {file.rfilename for file in files}
        safe = any(name.endswith(".safetensors") and "/" not in name for name in names)
        return Path(
            snapshot_download(
                name,
                allow_patterns=[*_ALLOWED] if safe else [*_ALLOWED, *_PICKLES],
                ignore_patterns=[*_IGNORED],
                tqdm_class=_progress_class(name, report),
            )
        )
    except GatedRepoError as error:
        raise ModelError(
            f"{name} is gated: accept its licence at https://huggingface.co/{name}, then set "
            "HF_TOKEN or run `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"There is no folder and no model on the Hub called {name}: check the name; a private "
            "model needs HF_TOKEN."
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise _unreachable(name) from error
    except (HfHubHTTPError, OSError) as error:
        if isinstance(error, HfHubHTTPError) and error.response.status_code in (401, 403):
            raise ModelError(
                f"The Hub does not give {name} to this account: check HF_TOKEN, or run "
                "`hf auth login`."
            ) from error
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"Downloading {name} failed ({reason}): try again.") from error
    except HTTPError as error:  # without an answer from the Hub
        raise _unreachable(name) from error


def _unreachable(name: str) -> ModelError:
    return ModelError(
        f"{name} is neither a folder nor in the Hub's cache, and the Hub cannot be reached: "
        "check the name and the network, then try again."
    )


def _cached(name: str) -> Path | None:
    """Return the model's folder in the Hub's cache if all that is wanted of it is there.

    Asked first, so that a model that is here starts without a network.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    for patterns, weights in (([*_ALLOWED], "*.safetensors"), ([*_ALLOWED, *_PICKLES], "*.bin")):
        try:
            folder = Path(
                snapshot_download(
                    name,
                    allow_patterns=patterns,
                    ignore_patterns=[*_IGNORED],
                    local_files_only=True,
                )
            )
        except LocalEntryNotFoundError:
            continue
        if any(folder.glob(weights)) or (folder / "medusa_lm_head.pt").is_file():
            return folder
    return None


def _progress_class(name: str, report: Report) -> type[Any]:
    """Return a progress bar class, as snapshot_download takes one, that reports in words."""
    from tqdm.auto import tqdm

    class Progress(tqdm):  # type: ignore[misc]  # tqdm ships no types
        """Reports the bytes of all files together; draws nothing itself."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            # The bar of bytes written; the others count files and bytes on the wire.
            self._of_bytes = str(kwargs.get("desc", "")).startswith("Reconstructing")
            self._reported_at = 0.0
            super().__init__(*args, **(kwargs | {"disable": False, "gui": True, "leave": False}))

        def display(self, *_args: Any, **_kwargs: Any) -> None:
            now = time.monotonic()
            if self._of_bytes and self.total and now - self._reported_at >= _REPORT_SECONDS:
                self._reported_at = now
                report(f"Downloading {name}: {_size(self.n)} of {_size(self.total)}")

        def update(self, n: float | None = 1) -> bool | None:
            self.n += n or 0
            self.display()
            return None

        def refresh(self, *_args: Any, **_kwargs: Any) -> None:
            self.display()

        def close(self) -> None:
            self.disable = True

    return Progress


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
