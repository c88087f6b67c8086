"""How OpenMP's threads wait for each other. To be settled before torch is imported."""

from __future__ import annotations

import os

ENVIRONMENT = {
    # Threads that wait by spinning make a small busy machine's steps fifty times slower ...
    "OMP_WAIT_POLICY": "PASSIVE",
    # ... but waking one takes as long as a matrix product of a small model, so they spin for some
    # 0.1 ms first: then a second thread pays from the smallest model on.
    "GOMP_SPINCOUNT": "10000",
}


def settle() -> None:
    """Set it for this process, unless the user has."""
    if "OMP_WAIT_POLICY" not in os.environ:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
