"""The reasons of disks."""

from __future__ import annotations

import pytest
from safetensors import SafetensorError

from medusa_chat.training.disk_failure import disk_failure


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (
            SafetensorError("Error while serializing: I/O error: File too large (os error 27)"),
            "File too large",
        ),
        (SafetensorError("a tensor\nis wrong"), "a tensor"),
        (OSError(), "OSError"),
    ],
)
def test_the_reason_is_the_systems_own(error: Exception, words: str) -> None:
    assert disk_failure(error) == words
