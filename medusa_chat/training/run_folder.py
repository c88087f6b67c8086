"""The folder that a training writes: what it was started with, how far it is, and the heads.

- ``training-state.json``: what the run was started with, so that no other run goes on in its place;
- ``training-state.safetensors``: what learns, the optimizer's moments, the steps made and the
  marks got, while it is not finished;
- ``training-state-before.safetensors``: the same as it was saved the time before, for when the
  other one is damaged;
- ``training-best.safetensors``: what had learnt when it did best, where that may end a training;
- the heads as any reader of Medusa takes them, once it is, and beside them, in a folder named like
  the base, a base that has learnt too.

Every file is written whole before it takes its name, and none of them holds code. States have a
checksum.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from itertools import zip_longest
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor

from medusa_chat import paths
from medusa_chat.errors import ModelError, UsageError
from medusa_chat.models.checkpoint import write_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.status_line import tell
from medusa_chat.training.disk_failure import disk_failure
from medusa_chat.training.marks import Marks
from medusa_chat.training.optimizer import Optimizer
from medusa_chat.training.settings import TrainSettings, typed
from medusa_chat.training.state_file import DamagedStateError, read_state, write_state

_RECORD_FILE = "training-state.json"
_STATE_FILE = "training-state.safetensors"
_BEFORE_FILE = "training-state-before.safetensors"
_BEST_FILE = "training-best.safetensors"
_STATES = (_STATE_FILE, _BEFORE_FILE)
"""The last one first."""
# Where the run is, and on which device, may change from one start to the next.
_FREE = ("data", "output", "device", "keep_hidden")
_DEFAULTS = {field.name: field.default for field in fields(TrainSettings)}


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What a run's result depends on, besides its settings."""

    data_sha256: str
    base_sha256: str
    """Of its config and all its weights."""
    mixed_precision: bool
    batches_a_step: int = 1
    """Of all processes together."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What ``training-state.json`` says; ``settings`` are the options by name."""

    settings: dict[str, object]
    inputs: RunInputs
    finished: bool


class RunFolder:
    """The folder of one training. Raises UsageError when it belongs to something else."""

    def __init__(self, settings: TrainSettings) -> None:
        self._folder = settings.output
        self._settings = settings
        self._record = _read_record(self._folder)
        self._last_is_damaged = False
        if self._record is None:
            if self._folder.exists() and any(self._folder.iterdir()):
                raise UsageError(
                    f"--output {self._folder} is not empty, and holds no training to go on with: "
                    "name a new folder."
                )
        elif self.finished or self.saved:
            self._check_settings(self._record.settings)

    @property
    def finished(self) -> bool:
        """Whether the heads are trained, with these settings."""
        return self._record is not None and self._record.finished

    @property
    def saved(self) -> bool:
        """Whether there is something to go on from."""
        return any((self._folder / name).is_file() for name in _STATES)

    @property
    def mixed_precision(self) -> bool | None:
        """Whether the run that is to go on was begun in mixed precision; None for a new run."""
        if self._record is None or not self.saved:
            return None
        return self._record.inputs.mixed_precision

    def begin(self, inputs: RunInputs) -> None:
        """Put on record what the run depends on, or check it against what is on record.

        Raises UsageError when the data or the base are others than when the run was begun.
        """
        if self._record is None or not self.saved:
            self._write_record(inputs, finished=False)
            return
        begun = self._record.inputs
        for words, old, new in (
            ("--data", begun.data_sha256, inputs.data_sha256),
            ("--base-model", begun.base_sha256, inputs.base_sha256),
        ):
            if old != new:
                raise UsageError(
                    f"{self._folder} holds a training whose {words} had another content: "
                    "name a new folder with --output."
                )
        if begun.batches_a_step != inputs.batches_a_step:
            raise UsageError(
                f"{self._folder} holds a training of {begun.batches_a_step} batches a step, not "
                f"{inputs.batches_a_step}: processes times --accumulation must be the same."
            )

    def load(self, optimizer: Optimizer) -> Marks | None:
        """Set ``optimizer`` to where the run was stopped; return its marks, None for a new run.

        A state that is damaged is told, and the one before it taken. Raises ModelError where that
        is none either.
        """
        files = [self._folder / name for name in _STATES]
        there = [file for file in files if file.is_file()]
        for file, other in zip_longest(there, there[1:]):
            try:
                return _restored(file, optimizer)
            except (DamagedStateError, KeyError, TypeError, ValueError, RuntimeError) as error:
                if other is None:
                    raise ModelError(
                        f"{file} is damaged, and the training cannot go on from it: delete "
                        f"{self._folder} to begin anew."
                    ) from error
                tell(f"{file} is damaged: going on from the state that was saved before it.")
                self._last_is_damaged = True
        return None

    def save(self, optimizer: Optimizer, marks: Marks) -> None:
        """Save what learns and how far it is. Raises ModelError when the disk does not take it."""
        state = {"steps": str(optimizer.step_count), "marks": json.dumps(asdict(marks))}
        last, before = (self._folder / name for name in _STATES)
        if last.is_file():
            # One goes first: there is never room needed for three. The older one, or the damaged.
            (last if self._last_is_damaged else before).unlink(missing_ok=True)
        self._last_is_damaged = False
        self._write(_STATE_FILE, optimizer.tensors(), state, before)

    def save_best(self, optimizer: Optimizer) -> None:
        """Save what has learnt, as the best so far. Raises ModelError as ``save`` does."""
        self._write(_BEST_FILE, optimizer.learnt(), {})

    def load_best(self, optimizer: Optimizer) -> bool:
        """Set what learns to the best there was; return False, and leave it, if that is damaged."""
        file = self._folder / _BEST_FILE
        try:
            tensors, _ = read_state(file)
        except DamagedStateError as error:
            tell(f"{file} is damaged ({error}).")
            return False
        optimizer.take(tensors)
        return True

    def base_folder(self) -> Path:
        """Return where a base that has learnt goes: a folder named like the one it was made of.

        By a family's name in it readers find the chat template, where the tokenizer has none.
        """
        name = self._settings.base_model
        if not paths.written(name).is_dir():
            name = name.partition("@")[0]  # of the Hub, at some revision
        return self._folder / (paths.written(name).resolve().name or "base")

    def finish(self, heads: MedusaHeads) -> None:
        """Write the heads, and delete what only served to go on with the training."""
        learnt = self.base_folder()
        name = f"./{learnt.name}" if learnt.is_dir() else self._base_name()
        try:
            write_heads(heads, self._folder, name)
        except (OSError, SafetensorError) as error:
            raise self._cannot_write(error) from error
        assert self._record is not None, "a run has begun before it finishes"
        self._write_record(self._record.inputs, finished=True)
        for left in (*_STATES, _BEST_FILE):
            (self._folder / left).unlink(missing_ok=True)

    def _write(
        self,
        name: str,
        tensors: dict[str, Tensor],
        words: dict[str, str],
        before: Path | None = None,
    ) -> None:
        """Write a file whole; the one that had its name is called ``before``, where that is one."""
        file, part = self._folder / name, self._folder / f"{name}.part"
        try:
            write_state(part, tensors, words)
            if before is not None and file.is_file():
                file.replace(before)
            part.replace(file)
        except (OSError, SafetensorError) as error:
            with contextlib.suppress(OSError):  # half a file takes room that is short
                part.unlink()
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: Exception) -> ModelError:
        if not self.saved:
            todo = "make room, or name another --output."
        else:
            todo = "make room, and the same command goes on from what was saved before."
        return ModelError(f"{self._folder} cannot be written ({disk_failure(error)}): {todo}")

    def _base_name(self) -> str:
        """Return what the heads' config calls the base: a path that still holds, or the Hub id."""
        base = paths.written(self._settings.base_model)
        if not base.is_dir():
            return self._settings.base_model
        base = base.resolve()
        beside = base.parent == self._folder.resolve().parent
        return f"../{base.name}" if beside else str(base)

    def _check_settings(self, old: dict[str, object]) -> None:
        for name, value in _on_record(self._settings).items():
            # A run that began before there was a setting had what it is by default.
            if old.get(name, _DEFAULTS.get(name)) != value:
                raise UsageError(
                    f"{self._folder} holds a training with {typed(name, old.get(name))}, not "
                    f"{typed(name, value)}: give the same options to go on with it, or another "
                    "--output."
                )

    def _write_record(self, inputs: RunInputs, *, finished: bool) -> None:
        self._record = _Record(_on_record(self._settings), inputs, finished)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._folder / f"{_RECORD_FILE}.part"
            with part.open("w", encoding="utf-8") as file:
                file.write(json.dumps(asdict(self._record), indent=2) + "\n")
                file.flush()
                # Without it the states are worth nothing: it is to outlive a power cut as they do.
                os.fsync(file.fileno())
            part.replace(self._folder / _RECORD_FILE)
        except OSError as error:
            raise self._cannot_write(error) from error


def _restored(file: Path, optimizer: Optimizer) -> Marks:
    tensors, words = read_state(file)
    marks = Marks(**json.loads(words["marks"]))
    optimizer.restore(tensors, int(words["steps"]))
    return marks


def digest_files(files: tuple[Path, ...]) -> str:
    """Return a hash of the contents of ``files``, in their order."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            whole.update(hashlib.file_digest(opened, "sha256").digest())
    return whole.hexdigest()


def _on_record(settings: TrainSettings) -> dict[str, object]:
    values = {name: value for name, value in asdict(settings).items() if name not in _FREE}
    base = paths.written(settings.base_model)
    # The same folder, from wherever the command is given.
    values["base_model"] = str(base.resolve()) if base.is_dir() else settings.base_model
    # As JSON has them, so that they can be compared.
    on_record: dict[str, object] = json.loads(json.dumps(values, default=str))
    return on_record


def _read_record(folder: Path) -> _Record | None:
    file = folder / _RECORD_FILE
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder} is a file: name a folder.")
    if not file.is_file():
        return None
    try:
        record = json.loads(file.read_text("utf-8"))
        inputs = RunInputs(**record["inputs"])
        return _Record(dict(record["settings"]), inputs, record["finished"] is True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} is damaged: name a new folder with --output.") from error
