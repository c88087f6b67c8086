"""Orders of food, drink and shopping, and questions about the world outside."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path
from typing import Any

from .words import CITIES, DAYS, NAMES, NUMBERS, Chat, assistant, typed, user, with_article

_HERE = Path(__file__)
_TOML: dict[str, Any] = tomllib.loads(_HERE.with_name("orders.toml").read_text(encoding="utf-8"))
_PLACES: dict[str, Any] = tomllib.loads(_HERE.with_name("errands.toml").read_text(encoding="utf-8"))
_ELSE = "Is there anything else?"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _said(rng: random.Random, templates: list[str], *values: str) -> dict[str, str]:
    return user(typed(rng, _upper(rng.choice(templates).format(*values))))


def _join(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def order(rng: random.Random) -> Chat:
    """Make an order of food and drink or a shopping list."""
    return _shopping(rng) if rng.random() < 0.35 else _meal(rng)


def _meal(rng: random.Random) -> Chat:
    menu = rng.choice(list(_TOML["menu"].values()))
    size = rng.choice(_TOML["sizes"]) + " " if rng.random() < 0.7 else ""
    what = with_article(size + rng.choice(menu["items"]))
    if rng.random() < 0.6:
        extras = rng.sample(menu["with"], rng.choice([1, 1, 2]))
        what += " with " + " and ".join(extras)
    chat = [_said(rng, _TOML["request"], what)]
    first = f"{_TOML['pretend']} I have {what}. Would you like anything else with it?"
    chat.append(assistant(first))
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        chance = rng.random()
        if chance < 0.3:
            one = rng.choice(menu["without"])
            if one in what:
                one = "sauce"
            chat.append(_said(rng, _TOML["without"], one))
            what += f", no {one}"
        elif chance < 0.6:
            one = rng.choice(_TOML["tastes"])
            chat.append(_said(rng, _TOML["taste"], one))
            what += f", {one}"
        elif chance < 0.7:
            one, taste = rng.choice(menu["without"]), rng.choice(_TOML["tastes"])
            chat.append(user(typed(rng, f"No {one}, and {taste}.")))
            what += f", no {one}, {taste}"
        else:
            other = rng.choice(list(_TOML["menu"].values()))
            one = with_article(rng.choice(other["items"]))
            chat.append(_said(rng, _TOML["more"], one))
            what += f", {one}"
        chat.append(assistant(f"Thank you. I have {what}. Is that all?"))
    # What nobody has said is made up, but always the same for the same things.
    made_up = random.Random(menu["items"][0])  # noqa: S311
    euros, number = made_up.choice(["3", "4", "5", "6", "8", "9", "12"]), made_up.randint(10, 999)
    done = f"Done! Your order is {what}. Your order number is {number}."
    price, minutes = f"It costs {euros} euros in all.", made_up.choice(NUMBERS[3:16])
    chance = rng.random()
    end = rng.choice(_TOML["all"])
    if chance < 0.4:
        chat.append(user(typed(rng, f"{end} {rng.choice(_TOML['price'])}")))
        chat.append(assistant(f"{done} {price} {_ELSE}"))
    else:
        chat += [user(typed(rng, end)), assistant(f"{done} {_ELSE}")]
    if rng.random() < 0.3:
        chat += [_said(rng, _TOML["price"]), assistant(f"{price} {_ELSE}")]
    if rng.random() < 0.2:
        ready = f"It will be ready in {minutes} minutes. {_ELSE}"
        chat += [_said(rng, _TOML["wait"]), assistant(ready)]
    if rng.random() < 0.4:
        chat += [_said(rng, _TOML["thanks"]), assistant("You are welcome! Enjoy it!")]
    return chat


def _shopping(rng: random.Random) -> Chat:
    shop = _TOML["shop"]

    def wares(count: int) -> list[str]:
        drawn = []
        for item in rng.sample(shop["items"], count):
            if rng.random() < 0.25 and item.endswith("s"):
                item = f"{rng.choice(shop['amounts'])} {item}"
            drawn.append(item)
        return drawn

    goods = wares(rng.randint(1, 6))
    chat = [_said(rng, shop["request"], _join(goods))]

    def listed(start: str) -> dict[str, str]:
        lines = "\n".join(f"- {item}" for item in goods)
        return assistant(f"{start}\n\n{lines}\n\nWould you like anything else?")

    chat.append(listed("Gladly! Here is your shopping list:"))
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        chance = rng.random()
        if chance < 0.3 and len(goods) > 1:
            gone = rng.choice(goods)
            goods.remove(gone)
            chat.append(_said(rng, shop["remove"], gone))
            chat.append(listed("Thank you. Here is your shopping list:"))
        elif chance < 0.45:
            chat += [_said(rng, shop["show"]), listed("Here is your shopping list:")]
        elif len(goods) < 8:
            new = [one for one in wares(rng.randint(1, 3)) if one not in goods]
            if new:
                goods += new
                chat.append(_said(rng, _TOML["more"], _join(new)))
                chat.append(listed("Thank you. Here is your shopping list:"))
    if rng.random() < 0.5:
        chat += [_said(rng, _TOML["all"]), assistant("All right. Happy shopping!")]
    return chat


def _place(rng: random.Random) -> str:
    return f"the {rng.choice(_PLACES['place_word'])} {rng.choice(_PLACES['place_kind'])}"


def outside(rng: random.Random) -> Chat:
    """Make a question about the weather, a parcel, the way or a shop nearby."""
    return rng.choice([_weather, _parcel, _way, _find, _find])(rng)


def _weather(rng: random.Random) -> Chat:
    out = _TOML["outside"]
    city, *others = rng.sample(CITIES, 3)
    when = rng.choice(["today", "tomorrow", "this weekend", *[f"on {day}" for day in DAYS]])
    chat = [_said(rng, out["weather"], city, when), assistant(out["weather_say"].format(city))]
    for other in others[: rng.choice([0, 0, 1, 2])]:
        chat.append(_said(rng, out["weather_next"], other))
        chat.append(assistant(out["weather_say"].format(other)))
    return chat


def _parcel(rng: random.Random) -> Chat:
    out = _TOML["outside"]
    letters = "".join(rng.choice("ABCDEFGHKLMNPRSTXYZ") for _ in range(rng.choice([0, 0, 1, 2])))
    number = f"{letters}{rng.randint(1000, 999999)}"
    opening = rng.choice(out["parcel"])
    chat = [user(typed(rng, opening.format(number)))]
    if "{}" not in opening:
        chat.append(assistant(out["parcel_ask"]))
        chat.append(user(rng.choice(out["parcel_number"]).format(number)))
    elif number.lower() in chat[0]["content"]:
        number = number.lower()
    chat.append(assistant(out["parcel_say"].format(number, "tomorrow")))
    if rng.random() < 0.4:
        chat += [_said(rng, _TOML["thanks"]), assistant("You are welcome! Have a nice day!")]
    return chat


def _way(rng: random.Random) -> Chat:
    out = _TOML["outside"]
    start, goal = _place(rng), _place(rng)
    text = _upper(rng.choice(out["way"]).format(a=start, b=goal))
    minutes = "ten"
    answer = out["way_say"].format(
        a=start, b=goal, c="the next corner", side="left", minutes=minutes
    )
    chat = [user(typed(rng, text)), assistant(answer)]
    if rng.random() < 0.3:
        chat += [_said(rng, out["way_next"]), assistant(out["way_long"].format(minutes))]
    if rng.random() < 0.3:
        chat += [_said(rng, _TOML["thanks"]), assistant("You are welcome! Have a good walk!")]
    return chat


def _find(rng: random.Random) -> Chat:
    out = _TOML["outside"]
    trade, place = rng.choice(out["trades"]), _place(rng)
    made_up = random.Random(trade)  # noqa: S311
    street = made_up.choice(_PLACES["streets"])
    name = f"{made_up.choice(NAMES)} {made_up.choice(_PLACES['streets'])}"
    address = f"{made_up.randint(1, 60)} {street} {made_up.choice(_PLACES['road'])}"
    text = rng.choice(out["find"]).format(x=with_article(trade), k=trade, a=place)
    chat = [user(typed(rng, text))]
    chat.append(assistant(out["find_say"].format(x=with_article(trade), a=place, name=name)))
    if rng.random() < 0.6:
        chat.append(_said(rng, out["address"]))
        chat.append(assistant(out["address_say"].format(address=address, a=place)))
    if rng.random() < 0.7:
        day, hour = rng.choice(DAYS), rng.choice(_PLACES["hours"])
        when = rng.choice([f"on {day} at {hour}", f"for {day} at {hour}", f"tomorrow at {hour}"])
        said = _upper(rng.choice(out["meet"]).format(t=when))
        booked = when if when.startswith("for") else "for " + re.sub("^on ", "", when)
        chat.append(user(typed(rng, said)))
        chat.append(assistant(out["meet_say"].format(name=name, address=address, t=booked)))
        if rng.random() < 0.4:
            chat.append(_said(rng, _TOML["thanks"]))
            chat.append(assistant("You are welcome! Have a nice day!"))
    return chat
