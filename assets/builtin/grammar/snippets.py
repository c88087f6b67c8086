"""Chats about short pieces of code: shell, SQL, HTML, CSS, JSON and lines of Python."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .functions import fenced, infinitive
from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("snippets.toml").read_text(encoding="utf-8")
)
_SLOTS: dict[str, list[str]] = _DATA["slots"]
_BUILT: dict[str, list[str]] = _DATA["built"]
_NUMBERS = {"age", "price", "size", "room"}


def _template(rng: random.Random) -> Chat:
    """Ask for something of which only words change."""
    snippet = rng.choice(_DATA["snippets"])
    if rng.random() < 0.25:
        snippet = rng.choice([one for one in _DATA["snippets"] if one["lang"] == "sql"])
    language = _DATA["languages"][snippet["lang"]]
    # A page of HTML explains itself.
    explain = rng.random() < 0.2 and snippet["lang"] != "html"
    does = snippet["asks"][0] if explain else rng.choice(snippet["asks"])
    code, after = snippet["code"].strip("\n"), snippet["after"]
    for slot in sorted(set(re.findall(r"@(\w+)@", does + code + after))):
        word = rng.choice(_SLOTS[slot])
        does, code, after = (text.replace(f"@{slot}@", word) for text in (does, code, after))
    if explain:
        kind = language["kind"]
        asked = typed(rng, rng.choice(_DATA["ask_explain"]).format(kind=kind))
        given = fenced(code, language["name"]) if rng.random() < 0.4 else code
        return [user(f"{asked}\n\n{given}"), assistant(f"This {kind} {does}. {after}")]
    asked = rng.choice(language["asks"]).format(does=does, do=infinitive(does))
    # A name in code keeps its case.
    if rng.random() < 0.2:
        asked = asked[0].lower() + asked[1:]
    if rng.random() < 0.2:
        asked = asked.rstrip(".?")
    said = f"Here is {language['what']} {does}:\n\n{fenced(code, language['name'])}\n\n{after}"
    return [user(asked), assistant(said)]


def _and(words: list[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1]


def _form(rng: random.Random) -> Chat:
    fields = rng.sample(_BUILT["fields"], rng.randint(2, 4))
    named = (
        _and([rng.choice(["a ", ""]) + f for f in fields]) if rng.random() < 0.3 else _and(fields)
    )
    named = re.sub(r"\ba ([aeiou])", r"an \1", named)
    lines = ["<form>"]
    for name in fields:
        lines += [f'  <label for="{name}">{name.capitalize()}</label>']
        lines += [f'  <input id="{name}" name="{name}">']
    lines += ['  <button type="submit">Send</button>', "</form>"]
    asked = typed(rng, rng.choice(_BUILT["ask_form"]).format(fields=named))
    said = f"Here is an HTML form with the fields {_and(fields)}:"
    after = "The button sends what has been typed."
    code = fenced("\n".join(lines), "html")
    return [user(asked), assistant(f"{said}\n\n{code}\n\n{after}")]


def _html_list(rng: random.Random) -> Chat:
    items = rng.sample(_SLOTS["item"] + _SLOTS["color"], rng.randint(3, 5))
    asked = typed(rng, rng.choice(_BUILT["ask_list"]).format(items=_and(items)))
    lines = ["<ul>", *(f"  <li>{item}</li>" for item in items), "</ul>"]
    code = fenced("\n".join(lines), "html")
    after = "Write `ol` instead of `ul` for a list with numbers."
    return [user(asked), assistant(f"Here is an HTML list:\n\n{code}\n\n{after}")]


def _create(rng: random.Random) -> Chat:
    table = rng.choice(_SLOTS["table"])
    fields = rng.sample(_BUILT["fields"], rng.randint(2, 5))
    columns = [f"    {name} {'INTEGER' if name in _NUMBERS else 'TEXT'}" for name in fields]
    body = ",\n".join(["    id INTEGER PRIMARY KEY", *columns])
    asked = typed(rng, rng.choice(_BUILT["ask_create"]).format(table=table, fields=_and(fields)))
    code = fenced(f"CREATE TABLE {table} (\n{body}\n);", "sql")
    after = "The column id gives each row its own number."
    said = f"Here is the SQL for the table {table}:"
    return [user(asked), assistant(f"{said}\n\n{code}\n\n{after}")]


def _pairs(rng: random.Random) -> Chat:
    """Write pairs of a key and a value as JSON or as a dictionary."""
    key = rng.choice(["ask_json", "ask_dict"])
    form = rng.choice(["{} {}", "{} = {}", "{}: {}"])
    if key == "ask_json":
        table: dict[str, str | int] = {"name": rng.choice(_SLOTS["name"])}
        for name in rng.sample(_SLOTS["column"], rng.randint(1, 3)):
            table[name] = rng.randint(1, 99)
        if rng.random() < 0.5:
            table["colour"] = rng.choice(_SLOTS["color"])
    else:
        words = rng.sample(_SLOTS["item"] + _SLOTS["color"], rng.randint(2, 5))
        table = {word: rng.randint(1, 99) for word in words}
    asked = rng.choice(_BUILT[key])
    asked = asked.format(pairs=", ".join(form.format(*pair) for pair in table.items()))
    if key == "ask_json":
        code, said = fenced(json.dumps(table, indent=2), "json"), "Here it is as JSON:"
        after = "Texts are put between double quotes, numbers are not."
    else:
        code = fenced(f"table = {json.dumps(table)}")
        said, after = (
            "Here it is as a Python dictionary:",
            "Each key comes before a colon, and its value after it.",
        )
    return [user(asked), assistant(f"{said}\n\n{code}\n\n{after}")]


def _python_list(rng: random.Random) -> Chat:
    name = rng.choice(_SLOTS["words"])
    asked = rng.choice(_BUILT["ask_pylist"])
    numbers = rng.random() < 0.4
    count = rng.randint(3, 6)
    pool = [str(n) for n in range(1, 100)] if numbers else _SLOTS["item"] + _SLOTS["color"]
    items = rng.sample(pool, count)
    code = f"{name if '{name}' in asked else 'items'} = [{', '.join(items)}]"
    if not numbers:
        code = code.split("[")[0] + json.dumps(items)
    asked = asked.format(items=_and(items), name=name)
    said = f"Here it is as a Python list:\n\n{fenced(code)}"
    after = "The first item has the index zero."
    return [user(asked), assistant(f"{said}\n\n{after}")]


def chat(rng: random.Random) -> Chat:
    """Make one chat about a short piece of code."""
    kinds = [_form, _html_list, _create, _pairs, _python_list]
    said = _template(rng) if rng.random() < 0.7 else rng.choice(kinds)(rng)
    if rng.random() < 0.15:
        thanks = typed(rng, rng.choice(_DATA["thanks"]))
        said += [user(thanks), assistant("You are welcome! Tell me if you need more code.")]
    return said
