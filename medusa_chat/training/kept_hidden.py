"""The base's hidden states on disk, so that an epoch after the first need not make them again.

- ``kept-hidden.json``: what they were made of;
- ``kept-hidden.bin``: the hidden states [tokens, H] of all examples, one behind the other;
- ``kept-hidden.sums``: of each example a checksum of its own, 0 until they are there.

They are read and written as files, not mapped into memory: where the disk is full, a write to a
mapped file ends the process. A disk that takes no more ends the keeping, not the training.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import weakref
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from medusa_chat.errors import ModelError, UsageError
from medusa_chat.quantities import size
from medusa_chat.status_line import tell
from medusa_chat.training.batches import Batch

_RECORD = "kept-hidden.json"
_STATES = "kept-hidden.bin"
_SUMS = "kept-hidden.sums"
_SUM_TYPE = np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class HiddenOrigin:
    """What hidden states depend on; those of another origin are not used."""

    data_sha256: str
    base_sha256: str
    quantization: str
    computed_in: str
    """The precision that the base computes in."""
    lengths: tuple[int, ...]
    """Of the examples, in tokens."""
    hidden: int
    stored_in: str

    @property
    def dtype(self) -> torch.dtype:
        """The precision in which they are stored."""
        dtype: torch.dtype = getattr(torch, self.stored_in)
        return dtype

    @property
    def stored_bytes(self) -> int:
        """What they take on disk."""
        return sum(self.lengths) * self.hidden * self.dtype.itemsize


class KeptHidden:
    """The hidden states in ``folder``, of the examples whose lengths ``origin`` has.

    Raises UsageError where those of something else lie there, and ModelError for want of room.
    """

    def __init__(self, folder: Path, origin: HiddenOrigin, *, leads: bool = True) -> None:
        self._origin = origin
        self._starts = [0, *accumulate(origin.lengths)]
        self._new: dict[int, int] = {}
        """Checksums of what is written, and perhaps not on the disk yet."""
        self._folder = folder
        self._takes_more = True
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _check(folder, origin)
            if leads:
                _lay_out(folder, origin)
            # Small, written whole from the first, and shared with the other processes.
            self._sums = np.memmap(folder / _SUMS, _SUM_TYPE, "r+", shape=(len(origin.lengths),))
            self._states = (folder / _STATES).open("r+b", buffering=0)
            weakref.finalize(self, self._states.close)
        except OSError as error:
            raise ModelError(
                f"--keep-hidden {folder} cannot be written ({error.strerror or error}): make room "
                "or name another folder."
            ) from error

    @property
    def _token_bytes(self) -> int:
        return self._origin.hidden * self._origin.dtype.itemsize

    @property
    def stored_bytes(self) -> int:
        """What they take on disk when all are there."""
        return self._origin.stored_bytes

    @property
    def share(self) -> float:
        """The share of the examples whose hidden states are there."""
        return float((self._sums != 0).mean())

    def hidden(self, batch: Batch, make: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the hidden states [B, T, H] of ``batch``, in float32; rows of padding are zero.

        What is not there, or not as it was written, ``make`` makes of the ids [B, T], and is kept.
        """
        kept = self._read(batch)
        if kept is not None:
            return kept
        made = make(batch.ids)
        self._write(batch.indices, made)
        # What is used is what is kept, so that every epoch sees the same.
        return made.to(self._origin.dtype).float()

    def flush(self) -> None:
        """Put on disk what was kept, and then that it is there."""
        try:
            os.fsync(self._states.fileno())
            for index, checksum in self._new.items():
                self._sums[index] = checksum
            self._sums.flush()
        except OSError as error:
            self._give_up(error)
        self._new.clear()

    def _give_up(self, error: OSError) -> None:
        self._takes_more = False
        tell(
            f"No more hidden states can be kept in {self._folder} ({error.strerror or error}): the "
            "training goes on, and makes them anew each time."
        )

    def _checksum(self, index: int) -> int:
        return self._new.get(index) or int(self._sums[index])

    def _read(self, batch: Batch) -> Tensor | None:
        """Return the hidden states as ``hidden`` does; None where any is not there, or damaged."""
        if not all(self._checksum(index) for index in batch.indices):
            return None
        rows, longest = batch.ids.shape
        kept = torch.zeros(rows, longest, self._origin.hidden, dtype=self._origin.dtype)
        for row, index in enumerate(batch.indices):
            start, end = self._starts[index], self._starts[index + 1]
            stored = bytearray((end - start) * self._token_bytes)
            self._states.seek(start * self._token_bytes)
            self._states.readinto(stored)
            if _checksum(stored) != self._checksum(index):
                tell(f"Hidden states in {self._folder} are damaged, and made anew.")
                return None
            read = torch.frombuffer(stored, dtype=self._origin.dtype)
            kept[row, : end - start] = read.view(end - start, -1)
        return kept.to(batch.ids.device).float()

    def _write(self, indices: Sequence[int], made: Tensor) -> None:
        if not self._takes_more:
            return
        whole = made.detach().to(self._origin.dtype).cpu()
        for row, index in enumerate(indices):
            start, end = self._starts[index], self._starts[index + 1]
            # As bytes: numpy has no bfloat16.
            content = whole[row, : end - start].contiguous().view(torch.uint8).numpy().tobytes()
            try:
                self._states.seek(start * self._token_bytes)
                if self._states.write(content) != len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                self._give_up(error)
                return
            self._new[index] = _checksum(content)


def _checksum(content: bytes | bytearray) -> int:
    """Return a checksum that is never 0."""
    return zlib.crc32(content) or 1


def _check(folder: Path, origin: HiddenOrigin) -> None:
    """Raise UsageError where ``folder`` has hidden states of another origin, or other files."""
    record = folder / _RECORD
    if not record.is_file():
        foreign = [one.name for one in folder.iterdir() if not one.name.startswith("kept-hidden.")]
        if foreign:
            raise UsageError(
                f"--keep-hidden {folder} holds other files ({foreign[0]}): name a new folder."
            )
        return
    try:
        found = json.loads(record.read_text("utf-8"))
    except ValueError as error:
        raise UsageError(f"{record} is damaged: delete {folder}, or name another.") from error
    wanted = json.loads(json.dumps(asdict(origin)))
    if found == wanted:
        return
    differing = [
        name for name in wanted if not isinstance(found, dict) or found.get(name) != wanted[name]
    ]
    words = {
        "data_sha256": "other data",
        "base_sha256": "another base",
        "quantization": "a base in other bits",
        "lengths": "examples of other lengths (another --max-length?)",
    }
    reason = words.get(differing[0], "another precision") if differing else "something else"
    raise UsageError(
        f"--keep-hidden {folder} holds hidden states of {reason}: delete it, or name another."
    )


def _lay_out(folder: Path, origin: HiddenOrigin) -> None:
    """Make the files, empty, where they are not there, or not whole. ModelError without room."""
    lengths = {_STATES: origin.stored_bytes, _SUMS: len(origin.lengths) * _SUM_TYPE.itemsize}
    if (folder / _RECORD).is_file():
        sizes = {name: _length(folder / name) for name in lengths}
        if sizes == lengths:
            return
        tell(f"What {folder} holds is cut short: the hidden states are made anew.")
    free = shutil.disk_usage(folder).free
    if free < origin.stored_bytes:
        raise ModelError(
            f"--keep-hidden {folder} needs {size(origin.stored_bytes)} of disk, and {size(free)} "
            "are free: make room, name another folder, or leave the option out."
        )
    with (folder / _SUMS).open("wb") as file:
        file.write(bytes(lengths[_SUMS]))
    with (folder / _STATES).open("wb") as file:
        file.truncate(lengths[_STATES])
    part = folder / f"{_RECORD}.part"
    part.write_text(json.dumps(asdict(origin)) + "\n", "utf-8")
    part.replace(folder / _RECORD)


def _length(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None
