"""A file of tensors and of words about them, with a checksum of both, and without code.

Safetensors alone has none: a tensor of which a bit is another one now is read as if it were whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

_CHECKSUM = "sha256"


class DamagedStateError(Exception):
    """The file cannot be read, or is not what was written."""


def write_state(file: Path, tensors: Mapping[str, Tensor], words: Mapping[str, str]) -> None:
    """Write them, and see them on the disk. Raises OSError or SafetensorError where it is full."""
    content = dict(tensors)
    save_file(content, file, metadata={**words, _CHECKSUM: _checksum(content, words)})
    with file.open("rb+") as written:
        os.fsync(written.fileno())


def read_state(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return what ``write_state`` was given. Raises DamagedStateError."""
    try:
        with safe_open(file, framework="pt") as opened:
            words: dict[str, str] = dict(opened.metadata() or {})
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise DamagedStateError(str(error)) from error
    # Files of earlier versions have none.
    told = words.pop(_CHECKSUM, None)
    if told is not None and told != _checksum(tensors, words):
        raise DamagedStateError("its checksum is another")
    return tensors, words


def _checksum(tensors: Mapping[str, Tensor], words: Mapping[str, str]) -> str:
    whole = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # One that has no dimension has no bytes to be seen as.
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        whole.update(flat.view(torch.uint8).numpy().data)
    return whole.hexdigest()
