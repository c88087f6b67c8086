"""The folder that a training writes: what it was started with, how far it is, and the heads.

- ``training-state.json``: what the run was started with, so that no other run goes on in its place;
- ``training-state.safetensors``: the heads, the optimizer's moments and the steps made, while it
  is not finished;
- the heads as any reader of Medusa takes them, once it is.

Every file is written whole before it takes its name, and none of them holds code.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from medusa_chat import paths
from medusa_chat.errors import ModelError, UsageError
from medusa_chat.models.checkpoint import write_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.training.optimizer import HeadOptimizer
from medusa_chat.training.settings import TrainSettings

_RECORD_FILE = "training-state.json"
_STATE_FILE = "training-state.safetensors"
# Where the run is, and on which device, may change from one start to the next.
_FREE = ("data", "output", "device")


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What a run's result depends on, besides its settings."""

    data_sha256: str
    base_sha256: str
    mixed_precision: bool


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
        if self._record is None:
            if self._folder.exists() and any(self._folder.iterdir()):
                raise UsageError(
                    f"--output {self._folder} is not empty, and holds no training to go on with: "
                    "name a new folder."
                )
        elif self.finished or self._saved:
            self._check_settings(self._record.settings)

    @property
    def finished(self) -> bool:
        """Whether the heads are trained, with these settings."""
        return self._record is not None and self._record.finished

    @property
    def mixed_precision(self) -> bool | None:
        """Whether the run that is to go on was begun in mixed precision; None for a new run."""
        if self._record is None or not self._saved:
            return None
        return self._record.inputs.mixed_precision

    def begin(self, inputs: RunInputs) -> None:
        """Put on record what the run depends on, or check it against what is on record.

        Raises UsageError when the data or the base are others than when the run was begun.
        """
        if self._record is None or not self._saved:
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

    def load(self, optimizer: HeadOptimizer) -> bool:
        """Set ``optimizer`` and its heads to where the run was stopped; False for a new run."""
        if not self._saved:
            return False
        file = self._folder / _STATE_FILE
        try:
            with safe_open(file, framework="pt") as opened:
                steps = int(opened.metadata()["steps"])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            optimizer.restore(tensors, steps)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"{file} is damaged, and the training cannot go on from it: "
                "delete it to begin anew."
            ) from error
        return True

    def save(self, optimizer: HeadOptimizer) -> None:
        """Save the heads and the optimizer. Raises ModelError when the disk does not take them."""
        part = self._folder / f"{_STATE_FILE}.part"
        try:
            save_file(optimizer.tensors(), part, metadata={"steps": str(optimizer.step_count)})
            part.replace(self._folder / _STATE_FILE)
        except (OSError, SafetensorError) as error:
            raise _cannot_write(self._folder, error) from error

    def finish(self, heads: MedusaHeads) -> None:
        """Write the heads, and delete what only served to go on with the training."""
        try:
            write_heads(heads, self._folder, self._base_name())
        except (OSError, SafetensorError) as error:
            raise _cannot_write(self._folder, error) from error
        assert self._record is not None, "a run has begun before it finishes"
        self._write_record(self._record.inputs, finished=True)
        (self._folder / _STATE_FILE).unlink(missing_ok=True)

    @property
    def _saved(self) -> bool:
        return (self._folder / _STATE_FILE).is_file()

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
            if old.get(name) != value:
                option = "--" + name.replace("_", "-")
                raise UsageError(
                    f"{self._folder} holds a training with {option} {old.get(name)}, not {value}: "
                    "give the same options to go on with it, or another --output."
                )

    def _write_record(self, inputs: RunInputs, *, finished: bool) -> None:
        self._record = _Record(_on_record(self._settings), inputs, finished)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._folder / f"{_RECORD_FILE}.part"
            part.write_text(json.dumps(asdict(self._record), indent=2) + "\n", "utf-8")
            part.replace(self._folder / _RECORD_FILE)
        except OSError as error:
            raise _cannot_write(self._folder, error) from error


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
    return values


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


def _cannot_write(folder: Path, error: Exception) -> ModelError:
    reason = getattr(error, "strerror", None) or (str(error).splitlines() or ["?"])[0]
    return ModelError(f"{folder} cannot be written ({reason}): make room or name another --output.")
