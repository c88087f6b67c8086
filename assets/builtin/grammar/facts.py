"""Chats in which someone asks for simple facts and gets a short answer, and more if wished."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import fact_kinds, fact_lands, fact_turns
from .fact_often import drawn, is_often
from .fact_pairs import contrasted, paired
from .fact_unknown import not_known
from .fact_whys import asked_why
from .words import assistant, typed, user, with_article

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from .words import Chat

_FOLDER = Path(__file__).parent
_FACTS: dict[str, dict[str, list[str]]] = tomllib.loads(
    (_FOLDER / "facts.toml").read_text(encoding="utf-8")
)
_SAID: dict[str, Any] = tomllib.loads((_FOLDER / "fact_phrases.toml").read_text(encoding="utf-8"))
_TABLES = tomllib.loads((_FOLDER / "fact_tables.toml").read_text(encoding="utf-8"))
_ANIMALS: dict[str, list[str]] = _TABLES["animals"]
_CAPITALS: dict[str, list[str]] = _TABLES["capitals"]
_OFFER: str = _SAID["offer"]
_SEVERAL = {"the Netherlands", "the Philippines"}
# Whoever just says such a word wants one to be written.
_WRITTEN = {"a poem", "a haiku", "a recipe", "a fairy tale"}
_PLURAL = {"pliers", "scissors", "the lungs", "scales"}


class Fact(NamedTuple):
    """A question with its answer, what else there is to say, and what the question was about."""

    question: str
    answer: str
    more: str = ""
    about: str = ""
    short: str = ""
    following: tuple[str, str] = ("", "")


def _explained(question: str, sentences: list[str], lead: str = "") -> Fact:
    """Explain in all sentences but the last, and offer this one."""
    told = [lead, *sentences[:-1], _OFFER] if lead else [*sentences[:-1], _OFFER]
    return Fact(question, " ".join(told), sentences[-1], short=sentences[0])


def _ask(rng: random.Random, kind: str, **slots: str) -> str:
    question: str = rng.choice(_SAID[kind]).format(**slots)
    return question[:1].upper() + question[1:] if rng.random() < 0.8 else question


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _is(thing: str) -> str:
    return "are" if thing in _PLURAL else "is"


def _works(thing: str) -> str:
    return "work" if " and " in thing else "works"


def what(rng: random.Random) -> Fact:
    """Ask what a thing is."""
    thing = drawn(rng, "what", _FACTS["what"])
    sentences = _FACTS["what"][thing]
    if thing in _PLURAL:
        question = _ask(rng, "what_plural", x=thing)
    elif rng.random() < 0.1:
        return Fact(_ask(rng, "one_sentence", x=thing), sentences[0])
    else:
        question = _ask(rng, "what", x=thing)
        article, _, bare = thing.partition(" ")
        chance = rng.random()
        if chance < 0.2 and thing not in _WRITTEN:
            question = _ask(rng, "word", x=bare if article in ("a", "an", "the") else thing)
        elif chance < 0.3 and (many := fact_kinds.several(thing)):
            question = _ask(rng, "what_plural", x=many)
    if is_often("what", thing):
        return _explained(question, sentences)
    # Of what few ask for it tells the first sentence, and the others for those who want them.
    return _explained(question, [sentences[0], " ".join(sentences[1:])])


def animal(rng: random.Random) -> Fact:
    """Ask what an animal is that has no explanation of its own."""
    name = rng.choice([name for name in _ANIMALS if with_article(name) not in _FACTS["what"]])
    facts = _animal_facts(name)
    is_one = f"{_capital(with_article(name))} is an animal."
    question = _ask(rng, "what", x=with_article(name))
    if rng.random() < 0.2:
        question = _ask(rng, "what_plural", x=fact_kinds.plural(name))
    return _explained(question, [is_one, facts["food"], facts["home"], facts["young"]])


def difference(rng: random.Random) -> Fact:
    """Ask how two things differ; either may come first."""
    pair, sentences = rng.choice(list(_FACTS["difference"].items()))
    if " in " not in pair and rng.random() < 0.4:
        pair = " and ".join(reversed(pair.split(" and ")))
    lead = f"Here is the difference between {pair}."
    return _explained(_ask(rng, "difference", x=pair), sentences, lead)


def why(rng: random.Random) -> Fact:
    """Ask why something is as it is."""
    verb = rng.choices(["do", "does", "is", "are"], [5, 3, 3, 2])[0]
    bare = drawn(rng, "why", _FACTS[f"why_{verb}"])
    sentences = _FACTS[f"why_{verb}"][bare]
    # After all but "do" the first sentence is the statement: "the moon shines".
    statement = bare
    if verb != "do":
        statement, *sentences = sentences
    return _explained(_ask(rng, "why", x=statement, asked=f"{verb} {bare}"), sentences)


def reason(rng: random.Random) -> Fact:
    """Ask for one of the reasons that children ask for."""
    asked = asked_why(rng)
    question = asked.question if rng.random() < 0.3 else _capital(asked.question)
    return _explained(question, [asked.answer, asked.more])


def how(rng: random.Random) -> Fact:
    """Ask how a thing works."""
    thing, sentences = rng.choice(list(_FACTS["how"].items()))
    many = fact_kinds.several(thing) if rng.random() < 0.3 else ""
    question = _ask(rng, "how_plural", x=many) if many else _ask(rng, "how", x=thing)
    return _explained(question, sentences, f"Here is how {thing} {_works(thing)}.")


_OTHERS = {fact["ask"][0]: fact for fact in _TABLES["others"]}


def other(rng: random.Random) -> Fact:
    """Ask one of the questions that have their own wording."""
    fact = _OTHERS[drawn(rng, "others", _OTHERS)]
    return Fact(rng.choice(fact["ask"]), fact["answer"], fact["more"])


def capital(rng: random.Random, country: str = "") -> Fact:
    """Ask for the capital of a country."""
    country = country or drawn(rng, "capitals", _CAPITALS)
    answer = f"The capital of {country} is {_CAPITALS[country][0]}. {_where(country)}"
    following = fact_lands.there(rng, country) if rng.random() < 0.4 else ("", "")
    return Fact(_ask(rng, "capital", x=country), answer, "", country, following=following)


def _where(country: str) -> str:
    if country == "Australia":
        return "Australia is a country and a continent."
    return f"{_capital(country)} {_lie(country)} in {_CAPITALS[country][1]}."


def _lie(country: str) -> str:
    return "are" if country in _SEVERAL else "is"


def place(rng: random.Random) -> Fact:
    """Ask to which country a capital belongs, or on which continent a country is."""
    country = drawn(rng, "capitals", _CAPITALS)
    city = _CAPITALS[country][0]
    if rng.random() < 0.5 or country == "Australia":
        if country == "the United Kingdom":
            country = "England"
        answer = f"{city} is the capital of {country}. {_where(country)}"
        return Fact(_ask(rng, "country", x=city), answer)
    question = _ask(rng, "continent", x=country)
    if _lie(country) == "are":
        question = question.replace("is the", "are the")
        question = question.replace("does the", "do the")
    return Fact(question, f"{_where(country)} The capital of {country} is {city}.")


def _animal_facts(animal: str) -> dict[str, str]:
    legs, food, home, young, sound = _ANIMALS[animal]
    name = _capital(with_article(animal))
    facts = {
        "food": f"{name} eats {food}.",
        "home": f"The home of {with_article(animal)} is {home}.",
        "young": f"A young {animal} is called {young}.",
    }
    if legs:
        facts["legs"] = f"{name} has {legs} legs."
    if sound:
        facts["sound"] = f"{name} {sound}."
    return facts


def animal_fact(rng: random.Random) -> Fact:
    """Ask one thing about an animal; its food or its home is what else there is to say."""
    animal = drawn(rng, "animals", _ANIMALS)
    facts = _animal_facts(animal)
    many = "_many" if rng.random() < 0.4 else ""
    words = {"a": with_article(animal), "n": animal, "p": fact_kinds.plural(animal)}
    if rng.random() < 0.2:
        return Fact(_ask(rng, f"animal{many}", **words), " ".join(facts.values()))
    kind = rng.choice(list(facts))
    question = _ask(rng, f"{kind}{many}", **words)
    more = facts["home"] if kind == "food" else facts["food"]
    return Fact(question, facts[kind], more)


def mixed(rng: random.Random) -> Fact:
    """Ask what two colours make, or how a colour is made."""
    pair, colour = rng.choice(list(_TABLES["mixed"].items()))
    if rng.random() < 0.35:
        return Fact(_ask(rng, "made_colour", y=colour), f"To make {colour}, mix {pair}.")
    if rng.random() < 0.5:
        pair = " and ".join(reversed(pair.split(" and ")))
    return Fact(_ask(rng, "mixed", x=pair), f"{_capital(pair)} make {colour}.", "", pair)


def coloured(rng: random.Random) -> Fact:
    """Ask what colour a thing has."""
    thing, colour = rng.choice(list(_TABLES["coloured"].items()))
    many = fact_kinds.several(thing) if rng.random() < 0.4 else ""
    question = _ask(rng, "coloured_many", x=many) if many else _ask(rng, "coloured", x=thing)
    return Fact(question, f"The colour of {thing} is {colour}.", "", thing)


def _opposites() -> dict[str, str]:
    pairs: dict[str, str] = dict(_TABLES["opposites"])
    for word, opposite in _TABLES["opposites"].items():
        pairs.setdefault(opposite, word)
    return pairs


_OPPOSITES = _opposites()


def opposite(rng: random.Random, word: str = "") -> Fact:
    """Ask for the opposite of a word."""
    word = word or drawn(rng, "opposites", _OPPOSITES)
    answer = f'The opposite of "{word}" is "{_OPPOSITES[word]}".'
    return Fact(_ask(rng, "opposite", x=word), answer, "", word)


def made(rng: random.Random) -> Fact:
    """Ask what a thing is made of."""
    thing, stuff = rng.choice(list(_TABLES["made"].items()))
    many = fact_kinds.several(thing) if rng.random() < 0.3 else ""
    question = _ask(rng, "made_many", x=many) if many else _ask(rng, "made", x=thing)
    return Fact(question, f"{_capital(thing)} is made of {stuff}.", "", thing)


def used(rng: random.Random) -> Fact:
    """Ask who uses a tool and what for."""
    tool, (worker, purpose) = rng.choice(list(_TABLES["users"].items()))
    worker = worker[:1].lower() + worker[1:]
    answer = f"{_capital(tool)} {_is(tool)} used by {worker} {purpose}."
    question = _ask(rng, rng.choice(["user", "use"]), x=tool)
    if tool in _PLURAL:
        question = question.replace(" is ", " are ", 1)
        question = question.replace(f"{tool} is", f"{tool} are")
        question = question.replace("What are the use", "What is the use")
    return Fact(question, answer)


def unknown(rng: random.Random) -> Fact:
    """Ask what a small model cannot know."""
    return Fact(*not_known(rng))


_OF_KINDS: dict[Callable[[random.Random], tuple[str, str]], int] = {
    fact_kinds.belongs: 4,
    fact_kinds.odd_one: 1,
    fact_kinds.size: 2,
    fact_kinds.yes_no: 9,
}


def kind(rng: random.Random) -> Fact:
    """Ask about kinds of things, sizes, or for yes or no."""
    asked = rng.choices(list(_OF_KINDS), list(_OF_KINDS.values()))[0]
    return Fact(*asked(rng))


def land(rng: random.Random) -> Fact:
    """Ask for a yes or a no about a country, or for two things about it."""
    chosen = fact_lands.capital_and if rng.random() < 0.15 else fact_lands.checked
    return Fact(*chosen(rng))


def pair(rng: random.Random) -> Fact:
    """Ask what stands in one of the tables of pairs."""
    chosen = contrasted(rng) if rng.random() < 0.16 else paired(rng)
    return Fact(chosen.question, chosen.answer, chosen.more, following=chosen.following)


_KINDS: dict[Callable[[random.Random], Fact], int] = {
    what: 55,
    animal: 2,
    difference: 7,
    reason: 56,
    why: 9,
    how: 9,
    other: 30,
    capital: 30,
    place: 12,
    animal_fact: 17,
    mixed: 4,
    coloured: 5,
    opposite: 10,
    made: 5,
    used: 2,
    kind: 34,
    land: 20,
    pair: 230,
    unknown: 17,
}
# After these the user may name only another thing: "And Spain?"
_AGAIN = (capital, coloured, opposite, made, mixed)

# Plain facts of one sentence, of which two can be asked for in one.
_PLAIN = (capital, place, animal_fact, coloured, opposite, pair)
_DOUBTED = (*_PLAIN, kind, land)


def _two(rng: random.Random, fact: Fact) -> Fact:
    """Ask for a second fact in the same sentence."""
    second = rng.choice(_PLAIN)(rng)
    both = fact_turns.joined(rng, fact[:2], second[:2])
    return Fact(*both) if both else fact


def _said(rng: random.Random, asked: str, answer: str) -> Chat:
    return [user(typed(rng, rng.choice(_SAID[asked]))), assistant(answer)]


def _asked_on(rng: random.Random, fact: Fact) -> Chat:
    """Go on after an answer: hear more, or not; there is one thing more and then no other."""
    if fact.short and rng.random() < 0.2:
        return _said(rng, "no", _SAID["declined"])
    chat = _said(rng, "yes" if fact.short and rng.random() < 0.4 else "more", fact.more)
    if rng.random() < 0.2:
        chat += _said(rng, "more", _SAID["nothing_more"])
    return chat


def _chat(rng: random.Random) -> Chat:
    chat: Chat = []
    wanted = rng.choices([1, 2, 3, 4], [30, 30, 25, 15])[0]
    while len(chat) < 2 * wanted:
        if rng.random() < 0.02:
            chat += fact_turns.fun(rng)
            continue
        chosen = rng.choices(list(_KINDS), list(_KINDS.values()))[0]
        fact = chosen(rng)
        if chosen in _PLAIN and rng.random() < 0.08:
            fact = _two(rng, fact)
        before = rng.choice(_SAID["before"]) if rng.random() < 0.12 else ""
        question = typed(rng, fact_turns.spelled(rng, fact.question))
        if rng.random() < 0.12:
            question = question.lower()
        if rng.random() < 0.06:
            question = fact_turns.slipped(rng, question)
        if before.endswith((", ", ": ")):
            question = question[:1].lower() + question[1:]
        chat += [user(before + question), assistant(fact.answer)]
        if fact.following[0] and rng.random() < 0.3:
            asked, answer = fact.following
            chat += [user(typed(rng, asked)), assistant(answer)]
        elif chosen in _DOUBTED and rng.random() < 0.07:
            chat += fact_turns.doubted(rng, fact.answer)
        elif fact.more and rng.random() < (0.12 if chosen is pair else 0.3):
            chat += _asked_on(rng, fact)
        elif fact.short and rng.random() < 0.12:
            chat += _said(rng, "shorter", fact.short)
        elif chosen is pair and not fact.more and rng.random() < 0.04:
            chat += _said(rng, "more", _SAID["nothing_more"])
        elif ". " in fact.answer and rng.random() < 0.06:
            chat += _said(rng, "repeat", fact.answer)
        elif chosen in _AGAIN and fact.about and rng.random() < 0.6:
            following = chosen(rng)
            if following.about and following.about != fact.about:
                question = rng.choice(_SAID["again"]).format(x=following.about)
                chat += [user(typed(rng, question)), assistant(following.answer)]
    if rng.random() < 0.2:
        chat += _said(rng, "thanks", _SAID["welcome"])
    return chat


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Write `count` chats with one question or several."""
    for _ in range(count):
        yield _chat(rng)
