"""The training mix of the built-in demo model: open dialogues, small talk and stories as chats.

Each source is a file `NAME.jsonl.xz` of JSON lines: `{"messages": [{"role", "content"}, ...]}` or
`{"text"}`. A few per cent of every source, chosen by a hash of the text, are held out of the
training. What the model says about itself stands in `phrases.toml`.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import random
import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Message = dict[str, str]
Chat = list[Message]
Record = dict[str, Any]

PHRASES: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8")
)
TALK: dict[str, dict[str, list[str]]] = PHRASES["talk"]
NOUNS = set(PHRASES["nouns"])
UNCOUNTED = {
    *("water", "snow", "rain", "gold", "milk", "juice", "bread"),
    *("honey", "soap", "candy", "jelly"),
}
UNIQUE = {"sea", "ocean", "sun", "moon", "zoo", "beach"}

HELD_OUT_PERCENT = 3
STORY_REPEATS = 4
SMALL_TALK_REPEATS = 4
CHATTERBOT_REPEATS = 3
PERSONA_CHATS = 6000
CHATTERBOT_TOPICS = {
    *("greetings", "food", "computers", "tech_support"),
    *("movies", "literature", "science", "history"),
}
# Answers of the small-talk collection that hide who the model is: it gives its own instead.
OWN_ANSWERS = {
    "Oh, I don't have a name.": TALK["name"]["answers"],
    "I'm here to chat and to try to help out.": TALK["can"]["answers"],
    "People made me out of code and a dash of ingenuity.": TALK["made"]["answers"],
    "I'm a bot who was created by humans.": PHRASES["own"]["bot"],
    "Why do seagulls fly over the sea?": TALK["joke"]["answers"],
    "Two goldfish are in a tank.": TALK["joke"]["answers"],
}
# Right, but asked for in so many ways that it would crop up everywhere.
RARE_ANSWER = "The National Suicide Prevention Lifeline"


@dataclass
class Corpus:
    """Chats to train on; and of the texts held out, chats and prompts (which end with the user)."""

    train: list[Chat] = field(default_factory=list)
    held_out: list[Chat] = field(default_factory=list)
    prompts: dict[str, list[Chat]] = field(default_factory=lambda: defaultdict(list))

    def hold_out(self, chat: Chat, kind: str | None, messages: int) -> None:
        """Keep a chat out of the training, and its first messages as a prompt of a kind."""
        self.held_out.append(chat)
        if kind:
            self.prompts[kind].append(chat[:messages])


def read_source(data: Path, name: str) -> Iterator[Record]:
    """Read the records of one source."""
    with lzma.open(data / f"{name}.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def is_held_out(text: str) -> bool:
    """Tell whether a text belongs to the few per cent that are not trained on."""
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) % 100 < HELD_OUT_PERCENT


def clean(text: str) -> str:
    """Make quotes, dashes and spaces plain."""
    text = text.replace("\u00e2\u20ac\u2122", "'").replace("\u2026", "...")
    text = text.translate(str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014\u00a0", "''\"\"-- "))
    return re.sub(r" ?\n ?", "\n", re.sub(r"[ \t]+", " ", text)).strip()


def vary(rng: random.Random, text: str) -> str:
    """Say the same thing as someone else might type it: small letters, no full stop."""
    if rng.random() < 0.3 and text[-1:] in ".!?" and not text.endswith("..."):
        text = text[:-1]
    chance = rng.random()
    if chance < 0.2:
        return text.lower()
    return text[:1].lower() + text[1:] if chance < 0.3 else text


def turn(asked: str, answer: str) -> Chat:
    """Make a question and its answer."""
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def dialogue(record: Record) -> Chat:
    """Read the messages of a record, cleaned."""
    return [
        {"role": message["role"], "content": clean(message["content"])}
        for message in record["messages"]
    ]


def dialogues(records: Iterable[Record]) -> Iterator[Chat]:
    """Read the dialogues of a source; those with an empty message are dropped."""
    chats = map(dialogue, records)
    return (chat for chat in chats if all(message["content"] for message in chat))


def hard_question(rng: random.Random) -> tuple[str, str]:
    """Draw a question beyond a model of this size, and an honest answer to it."""
    words = {name: rng.choice(values) for name, values in PHRASES["hard"].items()}
    match rng.randrange(10):
        case 0:
            asked = words["country_asked"].format(words["countries"])
        case 1 | 2:
            asked = words["thing_asked"].format(words["things"])
        case 3:
            asked = words["text_asked"].format(words["texts"], words["things"])
        case 4:
            asked = words["how_asked"].format(words["how"])
        case 5:
            asked = words["other_asked"]
        case 6 | 7:
            asked = words["code_asked"].format(language=words["languages"], task=words["tasks"])
            return asked, words["code"]
        case _:
            question = f"{rng.randrange(1, 100)} {words['signs']} {rng.randrange(1, 100)}"
            return words["sum_asked"].format(sum=question), words["maths"]
    return asked, words["not_sure"]


def persona_turn(rng: random.Random, kind: str | None = None) -> Chat:
    """Draw a question and answer of the hand-written ones: of one kind, or of any."""
    kind = kind or rng.choice([*TALK, "who", "can", "hard", "hard", "hard"])
    if kind == "hard":
        asked, answer = hard_question(rng)
    else:
        asked, answer = rng.choice(TALK[kind]["asked"]), rng.choice(TALK[kind]["answers"])
    return turn(vary(rng, asked), answer)


def with_article(noun: str) -> str:
    """Put the article before a noun."""
    if noun in UNCOUNTED:
        return noun
    if noun in UNIQUE:
        return f"the {noun}"
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def story_subject(text: str) -> str | None:
    """Find what a story is about in its first two sentences: "a dog", "a girl named Lily"."""
    start = " ".join(re.split(r"(?<=[.!?])\s+", text)[:2])
    words = re.findall(r"[a-z]+", start)
    found = [word for word in words if word in NOUNS]
    found += [word[:-1] for word in words if word.endswith("s") and word[:-1] in NOUNS]
    adjective = "very|little|small|young|big|old|brave|happy|kind|curious"
    pattern = rf"\ban? (?:(?:{adjective}) )*([a-z]+) (?:named|called) ([A-Z][a-z]+)"
    if not (named := re.search(pattern, start)):
        return with_article(found[0]) if found else None
    who = f"{with_article(named[1])} named {named[2]}"
    if named[1] not in {"girl", "boy"} and found:
        return with_article(named[1]) if len(text) % 3 else who
    others = [with_article(word) for word in found if word not in {"girl", "boy"}]
    if not others:
        return who
    return f"{who} and {others[0]}" if len(text) % 2 else others[0]


def story_turn(rng: random.Random, text: str, again: bool = False) -> Chat:
    """Make a story the answer to a request for it."""
    phrases, subject = PHRASES["stories"], story_subject(text)
    if again and rng.random() < 0.7:
        return turn(vary(rng, rng.choice(phrases["again"])), text)
    if subject is None or rng.random() < 0.3:
        return turn(vary(rng, rng.choice(phrases["prompts"])), text)
    asked = vary(rng, rng.choice(phrases["subject_prompts"]).format(subject))
    if rng.random() < 0.25:
        text = f"{rng.choice(phrases['openings']).format(subject)}\n\n{text}"
    return turn(asked, text)


def booking_chats(rng: random.Random, data: Path, corpus: Corpus) -> Iterator[Chat]:
    """Read the bookings, orders and long conversations; some bookings open in few words too."""
    for name in ("sgd_train", "taskmaster4", "topical_chat"):
        for record in read_source(data, name):
            chat = dialogue(record)
            if not all(message["content"] for message in chat):
                continue
            if is_held_out(chat[0]["content"] + chat[-1]["content"]):
                corpus.hold_out(chat, "topical" if name == "topical_chat" else None, cut(rng, chat))
                continue
            yield chat
            service = record.get("services", [""])[0].split("_")[0]
            openings = PHRASES["bookings"].get(service, [])
            if openings and chat[1]["content"].endswith("?") and rng.random() < 0.25:
                opening = turn(vary(rng, rng.choice(openings)), chat[1]["content"])
                yield opening + chat[2 : rng.choice([4, 6, 8])]
    for chat in dialogues(read_source(data, "sgd_dev")):
        corpus.prompts["bookings"].append(chat[: cut(rng, chat)])


def cut(rng: random.Random, chat: Chat) -> int:
    """Choose where to cut a chat, after one of its first few user messages."""
    ends = [index + 1 for index, message in enumerate(chat) if message["role"] == "user"]
    return rng.choice(ends[:5])


def small_talk(rng: random.Random, data: Path, corpus: Corpus) -> Iterator[Chat]:
    """Read the short dialogues of the small-talk sources, each as often as it is to be used."""
    friendly = (
        record for record in read_source(data, "chitchat") if record["persona"] == "friendly"
    )
    for chat in dialogues(friendly):
        asked, answer = chat[0]["content"], chat[1]["content"]
        if is_held_out(asked):
            corpus.hold_out(chat, "smalltalk", 1)
            continue
        own = next(
            (own for start, own in OWN_ANSWERS.items() if answer.startswith(start)), [answer]
        )
        for _ in range(1 if answer.startswith(RARE_ANSWER) else SMALL_TALK_REPEATS):
            yield turn(asked, rng.choice(own))
    seen = set()
    for record in read_source(data, "chatterbot"):
        chat = dialogue(record)
        key = json.dumps(chat)
        if record["topic"] in CHATTERBOT_TOPICS and key not in seen:
            seen.add(key)
            yield from [chat] * CHATTERBOT_REPEATS


def build(data: Path, seed: int = 0) -> Corpus:
    """Make the whole mix. The same data and seed give the same corpus."""
    rng = random.Random(seed)  # noqa: S311
    corpus = Corpus()
    pool = list(small_talk(rng, data, corpus))
    rng.shuffle(pool)

    def some_talk(low: int, high: int) -> Chat:
        turns: Chat = []
        for _ in range(rng.randint(low, high)):
            turns += pool.pop() if pool and rng.random() < 0.6 else persona_turn(rng)
        return turns

    def opening() -> Chat:
        hello = persona_turn(rng, rng.choice(["hello", "hello", "feel"]))
        return hello + (some_talk(1, 1) if rng.random() < 0.3 else [])

    # Some of the bookings and conversations come after a greeting, as they do in an app.
    for chat in booking_chats(rng, data, corpus):
        corpus.train.append(opening() + chat if rng.random() < 0.08 else chat)

    # Stories: alone, after small talk, one after another, and with thanks at the end.
    stories = []
    for record in read_source(data, "tinystories"):
        if is_held_out(text := clean(record["text"])):
            corpus.hold_out(story_turn(rng, text), "stories", 1)
        else:
            stories.append(text)
    for _ in range(STORY_REPEATS):
        queue = rng.sample(stories, len(stories))
        while queue:
            chat = story_turn(rng, queue.pop())
            if rng.random() < 0.25:
                chat = (opening() if rng.random() < 0.5 else some_talk(1, 3)) + chat
            while queue and rng.random() < 0.12:
                chat += story_turn(rng, queue.pop(), again=True)
            if rng.random() < 0.25:
                chat += persona_turn(rng, rng.choice(["liked", "thanks", "thanks", "bye"]))
                chat += persona_turn(rng) if rng.random() < 0.4 else []
            corpus.train.append(chat)

    # What the model says about itself, then the rest of the small talk, some in longer chats.
    for _ in range(PERSONA_CHATS):
        corpus.train.append(persona_turn(rng) + (some_talk(1, 2) if rng.random() < 0.25 else []))
    while pool:
        corpus.train.append(some_talk(2, 5) if rng.random() < 0.25 else pool.pop())

    for index, chat in enumerate(corpus.train):
        if rng.random() < 0.06:
            system = {"role": "system", "content": rng.choice(PHRASES["system"])}
            corpus.train[index] = [system, *chat]
    return corpus


def write_chats(corpus: Corpus, path: Path) -> None:
    """Write the chats to train on, as JSON lines: the heads are trained on them too."""
    with path.open("w", encoding="utf-8") as out:
        for chat in corpus.train:
            out.write(json.dumps({"messages": chat}, ensure_ascii=False) + "\n")


def write_prompts(corpus: Corpus, path: Path, per_kind: int = 40, seed: int = 0) -> None:
    """Write held-out chats that end with a user message, as JSON lines with their kind."""
    rng = random.Random(seed)  # noqa: S311
    with path.open("w", encoding="utf-8") as out:
        for kind, chats in sorted(corpus.prompts.items()):
            for chat in rng.sample(chats, min(per_kind, len(chats))):
                out.write(json.dumps({"messages": chat, "kind": kind}, ensure_ascii=False) + "\n")
