"""From dialogues to a file of what the model says in them: batch by batch, each to its end."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from medusa_chat.distillation.dialogues import Dialogue
from medusa_chat.distillation.progress import Progress
from medusa_chat.distillation.record_file import RecordFile
from medusa_chat.distillation.settings import DistillSettings
from medusa_chat.distillation.writer import Question, Reply, Writer
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import MedusaChatError
from medusa_chat.settings import DecodeSettings

_SORTED_BATCHES = 32
"""Of so many, the dialogues that are alike come into the same one."""
_SEEDS = 2**31


@dataclass(slots=True)
class Tally:
    """What one run has written."""

    dialogues: int = 0
    answers: int = 0
    tokens: int = 0
    truncated: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Dialogues by why there is nothing of them."""
    first_words: dict[str, str] = field(default_factory=dict)
    """What was said of the first such one, where there is more to be said."""


@dataclass(slots=True)
class _Course:
    """One dialogue while it is answered."""

    dialogue: Dialogue
    turn: int
    """The next one to be answered."""
    end: int
    messages: list[ChatMessage]
    temperature: float
    seed: int
    answers: int = 0
    truncated: bool = False

    @property
    def length(self) -> int:
        """Characters that are known of it: like ones cost least together."""
        return sum(len(one.content) for one in self.messages) + sum(
            len(turn.question) for turn in self.dialogue.turns[self.turn : self.end]
        )

    def question(self) -> Question:
        """Return the next thing to be answered."""
        asked = ChatMessage("user", self.dialogue.turns[self.turn].question)
        return Question((*self.messages, asked), self.temperature, (self.seed + self.turn) % _SEEDS)

    def take(self, reply: Reply, *, keeps_truncated: bool) -> str | None:
        """Go on with ``reply``; return why it ends the dialogue before its time, None if not."""
        if reply.end in ("refused", "no room"):
            return "refused" if reply.end == "refused" else "no room in the context"
        if not reply.text.strip():
            return "empty answers"
        if reply.end == "truncated" and not keeps_truncated:
            return "truncated"
        asked = self.question().messages[-1]
        self.messages += [asked, ChatMessage("assistant", reply.text)]
        self.turn += 1
        self.answers += 1
        self.truncated = reply.end == "truncated"
        # Behind half an answer no conversation goes on.
        return "truncated" if self.truncated and self.turn < self.end else None


def course(dialogue: Dialogue, settings: DistillSettings, decode: DecodeSettings) -> _Course:
    """Return how ``dialogue`` is to be answered: where, how hot and by which seed."""
    assert decode.seed is not None, "the command line gives one"
    key = hashlib.sha256(f"{decode.seed} seed {dialogue.number}".encode()).digest()
    draws = random.Random(f"{decode.seed} greedy {dialogue.number}")  # noqa: S311  # no secret
    greedy = draws.random() < settings.greedy_share
    first = dialogue.cut(decode.seed) if settings.one_turn else 0
    messages = list(dialogue.opening(first))
    if decode.system and dialogue.system is None:
        messages.insert(0, ChatMessage("system", decode.system))
    return _Course(
        dialogue,
        first,
        first + 1 if settings.one_turn else len(dialogue.turns),
        messages,
        0.0 if greedy else decode.temperature,
        int.from_bytes(key[:4], "big") % _SEEDS,
    )


def distill(
    dialogues: Sequence[Dialogue],
    writer: Writer,
    file: RecordFile,
    model: str,
    settings: DistillSettings,
    decode: DecodeSettings,
    progress: Callable[[int], Progress],
    cancelled: Callable[[], bool],
) -> Tally:
    """Write what is not settled yet of ``dialogues``; ``progress`` is given how many answers.

    Raises InterruptedWritingError when ``cancelled`` says so: what was answered until then is in
    ``file``, and is not asked for again. Raises MedusaChatError when nothing can be written any
    more.
    """
    settled = file.settled
    courses = [course(one, settings, decode) for one in dialogues if one.number not in settled]
    tally = Tally()
    for one in courses:
        # The last turn is never among them: with it the dialogue would be over.
        for reply in file.answered.get(one.dialogue.number, [])[: one.end - one.turn - 1]:
            one.take(reply, keeps_truncated=False)
            tally.tokens += reply.tokens
    shown = progress(sum(one.end - one.turn for one in courses))
    for batch in _batches(courses, writer):
        left = batch
        while left:
            left = _answer_turn(left, writer, file, model, settings, shown, tally, cancelled)
    return tally


def _batches(courses: Sequence[_Course], writer: Writer) -> Iterator[list[_Course]]:
    """Yield dialogues that are alike, the longest first: memory that is short shows at once."""
    at = 0
    while at < len(courses):
        some = sorted(
            courses[at : at + _SORTED_BATCHES * writer.at_once],
            key=lambda one: (one.end - one.turn, one.length),
            reverse=True,
        )
        at += len(some)
        while some:
            count = writer.at_once  # it may have become fewer
            yield some[:count]
            some = some[count:]


def _answer_turn(
    batch: list[_Course],
    writer: Writer,
    file: RecordFile,
    model: str,
    settings: DistillSettings,
    progress: Progress,
    tally: Tally,
    cancelled: Callable[[], bool],
) -> list[_Course]:
    """Answer the next turn of each of ``batch``; return those of which there is another.

    A dialogue is written as soon as it is over, and its answers are kept until then.
    """
    going_on: list[_Course] = []
    refused: list[tuple[_Course, Reply]] = []

    def settle(one: _Course, reply: Reply) -> None:
        turns_before = one.end - one.turn
        reason = one.take(reply, keeps_truncated=settings.truncated == "mark")
        tally.tokens += reply.tokens
        tally.truncated += reply.end == "truncated"
        if reason is None and one.turn < one.end:
            file.keep(one.dialogue.number, reply)
            going_on.append(one)
            progress.advance(1, reply.tokens)
            return
        tally.answers += one.answers
        if one.answers:
            file.write(one.dialogue.number, _record(one, model))
            tally.dialogues += 1
        else:
            assert reason is not None, "without a reason it would have been answered"
            file.skip(one.dialogue.number, reply.reason or reason)
            tally.left_out[reason] += 1
            tally.first_words.setdefault(reason, reply.reason)
        # Turns that are not answered any more count as done: they take no time.
        progress.advance(turns_before, reply.tokens)

    def came(at: int, reply: Reply) -> None:
        # Where all are refused something else is wrong, and none is to be put on record.
        if reply.end == "refused" and not (file.written or file.answered):
            refused.append((batch[at], reply))
        else:
            settle(batch[at], reply)

    writer.replies([one.question() for one in batch], cancelled, came)
    if len(refused) == len(batch):
        raise MedusaChatError(
            f"Nothing is answered: {refused[0][1].reason}. Mend that, or give other prompts."
        )
    for one, reply in refused:
        settle(one, reply)
    return going_on


def _record(one: _Course, model: str) -> dict[str, object]:
    record: dict[str, object] = {
        "messages": [{"role": each.role, "content": each.content} for each in one.messages],
        "model": model,
        "temperature": one.temperature,
        "seed": one.seed,
    }
    if one.truncated:
        record["truncated"] = True
    return record
