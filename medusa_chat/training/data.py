"""The examples to train on and those held out, from the files that the user gave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from medusa_chat.errors import MedusaChatError
from medusa_chat.training.examples import Encoder, Example
from medusa_chat.training.records import BadRecordError, Problems, Record, read_records

_RECORDS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the heads learn from, what they are tested on, and what is to be said about both."""

    training: tuple[Example, ...]
    held_out: tuple[Example, ...]
    notices: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """Tokens to train on, once through."""
        return sum(len(example.ids) for example in self.training)


def read_dataset(
    files: tuple[Path, ...],
    encoder: Encoder,
    report: Callable[[str], None],
    share: float | None = None,
) -> Dataset:
    """Read and encode ``files``, and hold out ``share`` of each one's lines, the last.

    Raises MedusaChatError when one is broken or no line is usable.
    """
    problems = Problems()
    training: list[Example] = []
    held_out: list[Example] = []
    for file in files:
        report(f"Reading {file}")
        lines = list(_encoded(file, encoder, problems))
        kept = len(lines) - held_out_lines(len(lines), share)
        training += [example for line in lines[:kept] for example in line]
        held_out += [example for line in lines[kept:] for example in line]
    if not training:
        names = ", ".join(map(str, files))
        first = f" ({problems.first[0]})" if problems.first else ""
        raise MedusaChatError(f"No line of {names} can be learnt from{first}.")
    return Dataset(tuple(training), tuple(held_out), tuple(_notices(problems, encoder, training)))


def held_out_lines(lines: int, share: float | None = None) -> int:
    """Return how many of a file's last lines are held out: 2%, but 4 where there are enough.

    ``share`` is one that the user chose, with no such least number.
    """
    if share is not None:
        return int(lines * share)
    return max(lines // 50, min(4, lines // 4))


def _encoded(file: Path, encoder: Encoder, problems: Problems) -> Iterator[list[Example]]:
    """Yield the examples of each usable line."""
    for records in _groups(read_records(file, problems)):
        for record, result in zip(records, encoder.encode(records), strict=True):
            if isinstance(result, BadRecordError):
                problems.add(file, record.line, str(result))
            else:
                yield result


def _groups(records: Iterable[Record]) -> Iterator[list[Record]]:
    iterator = iter(records)
    while group := list(islice(iterator, _RECORDS_AT_ONCE)):
        yield group


def _notices(problems: Problems, encoder: Encoder, training: list[Example]) -> Iterator[str]:
    yield from problems.words()
    cut = [example.cut for example in training if example.cut]
    if cut:
        yield (
            f"{len(cut)} dialogues are longer than {encoder.max_length} tokens: their ends, "
            f"{sum(cut)} tokens, are left out. A higher --max-length takes them in."
        )
    if encoder.split_dialogues:
        yield (
            f"The chat template writes earlier answers in another way: {encoder.split_dialogues} "
            "dialogues are split, an example an answer."
        )
