"""What a failure on the device must not take along: the other tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from .device import DEVICE

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only tell what libraries warn of: other versions than elsewhere, on devices seldom seen."""
    for item in items:
        if item.path.parent == _HERE:
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(autouse=True)
def _device_that_answers() -> Iterator[None]:
    """End a worker whose device is lost; another one takes over the tests that are left.

    After an illegal access CUDA answers nothing any more in the same process.
    """
    yield
    if DEVICE.type != "cuda" or "PYTEST_XDIST_WORKER" not in os.environ:
        return
    try:
        torch.cuda.synchronize(DEVICE)
    except RuntimeError:
        os._exit(1)
