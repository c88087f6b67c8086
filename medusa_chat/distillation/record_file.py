"""The file that the dialogues go to, and beside it the state: what was begun, what was left out,
and the answers of dialogues that are not over yet.

Each line is written whole, and a dialogue's line only when all of it is there. A line that a kill
has cut in two is taken away when the run goes on, so that nothing is there twice, or by halves.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from medusa_chat.distillation.writer import Reply
from medusa_chat.errors import MedusaChatError, UsageError

_STATE = ".state"


class RecordFile:
    """The dialogues of one run. ``origin`` is all that they depend on.

    Raises UsageError where ``output`` holds those of another run, or another program writes it.
    """

    def __init__(self, output: Path, origin: dict[str, object]) -> None:
        self.path = output
        self.skipped: dict[int, str] = {}
        """Dialogues that are left out, and why."""
        self.written: set[int] = set()
        self.answered: dict[int, list[Reply]] = {}
        """Of dialogues that are not over yet, the answers that there are, turn by turn."""
        self.damaged: list[Path] = []
        """The files whose last line was not whole, and was taken away."""
        self._state_path = output.with_name(output.name + _STATE)
        self._began = False
        """Whether it was this run that made the files."""
        self._open(origin)

    @property
    def settled(self) -> set[int]:
        """The numbers of dialogues of which nothing is to be done any more."""
        return self.written | self.skipped.keys()

    def write(self, number: int, record: dict[str, object]) -> None:
        """Add a dialogue. Raises MedusaChatError where the disk does not take it."""
        self._add(self._lines, self.path, {"id": number} | record)
        self.written.add(number)
        self.answered.pop(number, None)

    def skip(self, number: int, reason: str) -> None:
        """Put on record that a dialogue is left out, and why. Raises MedusaChatError."""
        self._add(self._state, self._state_path, {"left_out": number, "reason": reason})
        self.skipped[number] = reason
        self.answered.pop(number, None)

    def keep(self, number: int, reply: Reply) -> None:
        """Keep the answer to a dialogue's next turn until it is over. Raises MedusaChatError."""
        there = self.answered.get(number, [])
        self._add(
            self._state,
            self._state_path,
            {"answered": number, "turn": len(there), "text": reply.text, "tokens": reply.tokens},
        )
        self.answered[number] = [*there, reply]

    def close(self) -> None:
        """Let go of the files; of a run that came to nothing none is left behind."""
        for file in (self._lines, self._state):
            with contextlib.suppress(OSError):  # what could not be written was told before
                file.close()
        if self._began and not self.settled and not self.answered:
            for path in (self.path, self._state_path):
                with contextlib.suppress(OSError):
                    path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self, origin: dict[str, object]) -> None:
        gone = not self.path.exists()
        there = not gone and self.path.stat().st_size > 0
        if there and not self._state_path.exists():
            raise UsageError(
                f"--output {self.path} is there, and holds no dialogues of this program to go on "
                "with: name a new file."
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._state = _unbuffered(self._state_path)
            self._lines = _unbuffered(self.path)
        except OSError as error:
            raise UsageError(
                f"--output {self.path} cannot be written ({error.strerror or error}): name another "
                "file."
            ) from error
        try:
            if not _lock(self._state):
                raise UsageError(f"{self.path} is being written by another program: wait for it.")
            if gone:  # what it says of lines that are gone is no use
                self._state.truncate(0)
            self._began = not there
            self._go_on(origin)
        except BaseException:
            self._began = False  # what cannot be gone on with is nobody's to remove
            self.close()
            raise

    def _go_on(self, origin: dict[str, object]) -> None:
        begun = self._read_state()
        # As JSON has it: lists for tuples.
        wanted = json.loads(json.dumps(origin))
        if self._began and begun != wanted and not self.answered:
            self.skipped.clear()  # there is nothing yet that another run could spoil
            self._state.truncate(0)
            begun = None
        if begun is None:
            if self.answered or not self._began:
                raise UsageError(
                    f"{self._state_path} is damaged, and the dialogues in {self.path} cannot be "
                    "gone on with: name a new --output."
                )
            self._add(self._state, self._state_path, {"origin": origin})
            return
        if begun != wanted:
            raise UsageError(
                f"{self.path} was begun otherwise ({_difference(begun, wanted)}): "
                "name a new --output, or give the same options."
            )
        for record in self._whole_lines(self._lines, self.path):
            if not isinstance(record.get("id"), int):
                raise UsageError(f"{self.path} has a line without an id: name a new --output.")
            self.written.add(record["id"])
            self.answered.pop(record["id"], None)

    def _read_state(self) -> object:
        """Take what the state says; return what was begun, None where it does not say."""
        begun: object = None
        for record in self._whole_lines(self._state, self._state_path):
            match record:
                case {"origin": origin}:
                    begun = origin
                case {"left_out": int(number)}:
                    self.skipped[number] = str(record.get("reason", ""))
                    self.answered.pop(number, None)
                case {"answered": int(number), "turn": turn, "text": str(text)}:
                    there = self.answered.get(number, [])
                    # Behind one that is lost the others answer a conversation that is no more.
                    if turn == len(there) and text.strip():
                        tokens = record.get("tokens")
                        reply = Reply(text, "end", tokens if isinstance(tokens, int) else 0)
                        self.answered[number] = [*there, reply]
        return begun

    def _whole_lines(self, file: IO[bytes], path: Path) -> Iterator[dict[str, Any]]:
        """Yield the records of a file, and take away a last line that is not whole.

        Raises UsageError for one in the middle that is none.
        """
        file.seek(0)
        content = file.read()
        begin = 0
        for number, line in enumerate(io.BytesIO(content), 1):
            record = _record(line) if line.endswith(b"\n") else None
            if record is not None:
                begin += len(line)
                yield record
            elif begin + len(line) == len(content):
                file.truncate(begin)
                self.damaged.append(path)
            else:
                raise UsageError(f"{path}: line {number} is no JSON object: mend or remove it.")

    def _add(self, file: IO[bytes], path: Path, record: dict[str, object]) -> None:
        line = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        begin = file.seek(0, os.SEEK_END)
        try:
            if file.write(line) != len(line):
                raise OSError(0, "the disk is full")
        except OSError as error:
            with contextlib.suppress(OSError):
                file.truncate(begin)
            raise MedusaChatError(
                f"{path} cannot be written ({error.strerror or error}): see to that, and the same "
                "command goes on."
            ) from error


def _unbuffered(path: Path) -> IO[bytes]:
    path.touch()
    return path.open("r+b", buffering=0)


def _lock(file: IO[bytes]) -> bool:
    """Keep other programs from writing it too, where the system can; return False if one does."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _difference(begun: object, wanted: dict[str, object]) -> str:
    """Return the first thing in which two runs differ, in words."""
    if isinstance(begun, dict):
        for name, value in wanted.items():
            if begun.get(name) != value:
                if name == "prompts_sha256":
                    return "the prompts were others"
                return f"{name.replace('_', ' ')}: {begun.get(name)!r}, now {value!r}"
    return "by another version of the program"
