"""The training mix of the built-in model: chats written by grammar, small talk and stories.

The grammar's kinds stand in `grammar/`, a module a kind. Two sources come beside them as
`NAME.jsonl.xz` of JSON lines: `{"persona", "messages": [{"role", "content"}, ...]}` or `{"text"}`.
A few per cent of what users say first, chosen by a hash, are held out of the training: of a story
that is gone on with, by its first sentence.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grammar import (
    code,
    errands,
    facts,
    lists,
    memory,
    program,
    reckoning,
    spelling,
    stories,
    talk,
    texts,
)
from grammar.words import Chat, assistant, user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Record = dict[str, Any]

KINDS: dict[str, tuple[Callable[[random.Random, int], Iterator[Chat]], int]] = {
    "talk": (talk.chats, 42000),
    "memory": (memory.chats, 15000),
    "program": (program.chats, 42000),
    "reckoning": (reckoning.chats, 47000),
    "facts": (facts.chats, 62000),
    "lists": (lists.chats, 27000),
    "code": (code.chats, 24000),
    "errands": (errands.chats, 15000),
    "texts": (texts.chats, 60000),
    "stories": (stories.chats, 28000),
}
"""How many chats of each kind are drawn."""
COPIES = 9000
"""How many ask for sentences again, of stories and of everyday life."""

HELD_OUT_PERCENT = 3
JOINED_SHARE = 0.25
JOINED_CHARACTERS = 2800
SYSTEM_SHARE = 0.06
SYSTEM = [
    "You are a helpful assistant.",
    "You are a helpful, friendly assistant.",
    "You are a chat assistant. Answer briefly.",
    "Be helpful and polite.",
    "You are the demonstration model of medusa-chat.",
    "A chat between a user and an assistant.",
    "You are a friendly chat bot. Keep your answers short.",
]
# Answers of the small-talk collection that hide who the model is, or that the grammar says better.
NOT_OWN = (
    "Oh, I don't have a name.",
    "I'm here to chat and to try to help out.",
    "People made me out of code and a dash of ingenuity.",
    "I'm a bot who was created by humans.",
    "Why do seagulls fly over the sea?",
    "Two goldfish are in a tank.",
    "The National Suicide Prevention Lifeline",
    "I'm digital",
    "I'm a work in progress.",
    "I'm a much better answerer",
    "I come from a long line of code.",
    "I don't really have an age.",
    "That's not me",
    "My answers vary",
    "I have my moments.",
    "I have many likes.",
    "Chat away!",
    "Okay.",
    "Will do.",
    "Great, thanks for asking!",
    "My lack of comedy",
    "It's hard to be funny",
    "With questions like this",
    "I'm having a hard time imagining",
    "I don't have the hardware",
    "That's not one of my talents.",
    "I only do food for thought.",
    "No way.",
    "That doesn't really apply to me.",
    "Aw, I'm blushing.",
    "I think you should follow your heart.",
    "Hi!",
    "Hello!",
    "Hey there!",
    "Morning!",
    "Evening!",
    "Nighty night!",
    "Bye.",
    "Talk to you later!",
    "Nice to meet you too!",
    "I'm doing great",
    "You're very welcome.",
    "Oh, not much!",
    "I see.",
    "I love that you love stuff!",
    "I'm giving you a virtual hug",
    "So happy!",
    "If it were a contest",
    "Oh no! I'm sorry",
    "BFFs!",
    "Eh, I like how I look.",
    "Sorry about that!",
    "I'm sending a hug your way.",
    "The only thing I'm committed to",
    "I've heard really good things about naps.",
    "Swing and a miss.",
    "Cool",
    "I don't know you",
    "La la la",
    "I'm happy you're happy!",
    "Aw nuts.",
    "Definitely didn't see",
    "You're pretty neat.",
    "I'm afraid I didn't follow",
    "I like you lots!",
    "Sounds like it's time for a snack.",
    "I'm here for you!",
    "It's all good!",
    "Love sounds pretty magical.",
    "That's a drag.",
    "And to you as well!",
    "You're laughing!",
    "We're all trying to make life",
    "I think I may have lost",
    "You're awfully easy to like.",
    "The world of tech",
    "Good to know.",
    "I heart you too!",
    "Awesome.",
    "Thanks! You're pretty cool",
    "Pretty much this.",
    "No worries.",
    "I haven't met any other bots",
    "I know, it feels like",
    "I think you're pretty swell.",
    "If I knew, I'd definitely tell you.",
)
HEADING = "editorial = chitchat"
"""A line of the collection that is no question."""
BENCHMARK = Path(__file__).parent.parent / "prompts.jsonl"


@dataclass
class Corpus:
    """Chats to train on; and of the texts held out, chats and prompts (which end with the user)."""

    train: list[Chat] = field(default_factory=list)
    held_out: list[Chat] = field(default_factory=list)
    prompts: dict[str, list[Chat]] = field(default_factory=lambda: defaultdict(list))


def read_source(data: Path, name: str) -> Iterator[Record]:
    """Read the records of one source."""
    with lzma.open(data / f"{name}.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def plain_words(text: str) -> str:
    """Return the words of a text alone, so that one typed otherwise counts as the same."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def is_held_out(text: str) -> bool:
    """Tell whether a text belongs to the few per cent that are not trained on."""
    digest = hashlib.sha1(plain_words(text).encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) % 100 < HELD_OUT_PERCENT


def clean(text: str) -> str:
    """Make quotes, dashes and spaces plain."""
    text = text.replace("\u00e2\u20ac\u2122", "'").replace("\u2026", "...")
    text = text.translate(str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014\u00a0", "''\"\"-- "))
    return re.sub(r" ?\n ?", "\n", re.sub(r"[ \t]+", " ", text)).strip()


def small_talk(data: Path) -> Iterator[Chat]:
    """Read the friendly ones of the small-talk collection."""
    for record in read_source(data, "chitchat"):
        asked, answer = (clean(message["content"]) for message in record["messages"][:2])
        if record["persona"] != "friendly" or asked == HEADING or answer.startswith(NOT_OWN):
            continue
        yield [user(asked), assistant(answer)]


def read_stories(data: Path) -> Iterator[list[str]]:
    """Read the sentences of each story."""
    for record in read_source(data, "tinystories"):
        yield re.split(r"(?<=[.!?])\s+", clean(record["text"]))


def continued_stories(rng: random.Random, data: Path) -> Iterator[tuple[str, Chat]]:
    """Cut each story behind its first sentences: the user gives them, and the model goes on.

    The first sentence comes with each, as what the story is held out by wherever it is cut.
    """
    for sentences in read_stories(data):
        if len(sentences) > 4:
            begun = " ".join(sentences[: rng.randint(1, 3)])
            asked = rng.choice(
                ["Continue this story: {}", "Go on: {}", "{}", "What happens next? {}"]
            )
            rest = " ".join(sentences)[len(begun) + 1 :]
            yield sentences[0], [user(asked.format(begun)), assistant(rest)]


def copied_sentences(rng: random.Random, data: Path) -> Iterator[Chat]:
    """Take sentences out of the stories and of everyday life, to be said again or spelled right.

    None comes from a story that is held out.
    """
    sentences = [
        one
        for story in read_stories(data)
        if not is_held_out(story[0])
        for one in story
        if 4 <= len(one.split()) <= 16 and one[0].isupper() and '"' not in one
    ]
    for _ in range(COPIES):
        if rng.random() < 0.4:
            yield spelling.everyday(rng)
        else:
            yield spelling.copied(rng, " ".join(rng.sample(sentences, rng.choice((1, 1, 1, 2)))))


def by_question(chats: Iterable[Chat]) -> Iterator[tuple[str, Chat]]:
    """Put beside each chat what the user says first, as what it is held out by."""
    for chat in chats:
        yield chat[0]["content"], chat


def benchmark_prompts() -> set[str]:
    """Return the words of the prompts that the program is measured on: never trained on."""
    with BENCHMARK.open(encoding="utf-8") as lines:
        return {plain_words(json.loads(line)["turns"][0]) for line in lines}


def build(data: Path, seed: int = 0) -> Corpus:
    """Make the whole mix. The same data and seed give the same corpus."""
    rng = random.Random(seed)  # noqa: S311  # no secret
    corpus = Corpus()
    measured = benchmark_prompts()
    sources: dict[str, Iterable[tuple[str, Chat]]] = {
        kind: by_question(chats(random.Random(f"{seed} {kind}"), count))  # noqa: S311
        for kind, (chats, count) in KINDS.items()
    }
    sources["small talk"] = by_question(small_talk(data))
    sources["copies"] = by_question(copied_sentences(rng, data))
    sources["continued stories"] = continued_stories(rng, data)
    pool: list[Chat] = []
    for kind, chats in sources.items():
        for held_out_by, chat in chats:
            if plain_words(chat[0]["content"]) in measured:
                continue
            if is_held_out(held_out_by):
                corpus.held_out.append(chat)
                ends = [at + 1 for at, message in enumerate(chat) if message["role"] == "user"]
                corpus.prompts[kind].append(chat[: rng.choice(ends)])
            else:
                pool.append(chat)
    rng.shuffle(pool)
    # Some chats go from one thing to another, as people do.
    while pool:
        chat = pool.pop()
        while (
            pool and rng.random() < JOINED_SHARE and _characters(chat, pool[-1]) < JOINED_CHARACTERS
        ):
            chat = chat + pool.pop()
        if rng.random() < SYSTEM_SHARE:
            chat = [{"role": "system", "content": rng.choice(SYSTEM)}, *chat]
        corpus.train.append(chat)
    rng.shuffle(corpus.held_out)
    return corpus


def _characters(*chats: Chat) -> int:
    return sum(len(message["content"]) for chat in chats for message in chat)


def write_chats(corpus: Corpus, path: Path) -> None:
    """Write the chats to train on, as JSON lines: the heads are trained on them too."""
    with path.open("w", encoding="utf-8") as out:
        for chat in corpus.train:
            out.write(json.dumps({"messages": chat}, ensure_ascii=False) + "\n")


def write_prompts(corpus: Corpus, path: Path, per_kind: int = 40, seed: int = 0) -> None:
    """Write held-out chats that end with a user message, as JSON lines with their kind.

    No two of a kind begin alike.
    """
    rng = random.Random(seed)  # noqa: S311
    with path.open("w", encoding="utf-8") as out:
        for kind, chats in sorted(corpus.prompts.items()):
            distinct = list({plain_words(chat[0]["content"]): chat for chat in chats}.values())
            for chat in rng.sample(distinct, min(per_kind, len(distinct))):
                out.write(json.dumps({"messages": chat, "kind": kind}, ensure_ascii=False) + "\n")
