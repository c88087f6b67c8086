"""Questions about countries and their capitals that want a yes or a no, or two things at once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .fact_often import drawn

if TYPE_CHECKING:
    import random

Asked = tuple[str, str]

_FOLDER = Path(__file__).parent
_SAID: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_CAPITALS: dict[str, list[str]] = tomllib.loads(
    (_FOLDER / "fact_tables.toml").read_text(encoding="utf-8")
)["capitals"]
_WORLD: dict[str, dict[str, Any]] = tomllib.loads(
    (_FOLDER / "fact_pairs_world.toml").read_text(encoding="utf-8")
)
# Countries that are part of another one, or of two continents, or whose names are plural.
_NOT_CHECKED = {
    "England",
    "Scotland",
    "Wales",
    "Northern Ireland",
    "the United Kingdom",
    "Australia",
    "Russia",
    "Turkey",
    "Egypt",
    "the Netherlands",
    "the Philippines",
    "South Africa",
    "Singapore",
    "Monaco",
    "Vatican City",
}
_CHECKED = [country for country in _CAPITALS if country not in _NOT_CHECKED]
_CONTINENTS = ["Europe", "Asia", "Africa", "South America"]


def _of_table(kind: str) -> dict[str, str]:
    """Say what a table tells of each country, in its words."""
    table = _WORLD[kind]
    return {
        row.split(" | ")[0]: table["answer"].format(x=row.split(" | ")[0], y=value)
        for row, value in table["rows"].items()
    }


_TOLD = {kind: _of_table(kind) for kind in ("languages", "currencies")}


def checked(rng: random.Random) -> Asked:
    """Ask whether a city is the capital of a country, or whether one lies in another place."""
    country = drawn(rng, "capitals", _CHECKED)
    city, continent = _CAPITALS[country]
    kind = rng.choices(["is_capital", "in_country", "in_continent"], [5, 2, 2])[0]
    right = rng.random() < 0.6
    if kind == "in_continent":
        asked = continent
        if not right:
            asked = rng.choice([one for one in _CONTINENTS if one not in continent])
        truth = f"{country} is in {continent}."
        return _asked(rng, kind, country, asked), _answered(truth, right)
    other = country if right else drawn(rng, "capitals", [c for c in _CHECKED if c != country])
    if kind == "in_country":
        truth = f"{city} is in {country}."
        return _asked(rng, kind, city, other), _answered(truth, right)
    if right:
        return _asked(rng, kind, city, country), f"Yes, {city} is the capital of {country}."
    # Most people take the largest city for the capital, where it is another one.
    if rng.random() < 0.5:
        other, cities = rng.choice(list(_SAID["large_cities"].items()))
        city = rng.choice(cities)
    truth = f"the capital of {other} is {_CAPITALS[other][0]}."
    return _asked(rng, kind, city, other), _answered(truth, right)


def _asked(rng: random.Random, kind: str, what: str, where: str) -> str:
    question: str = rng.choice(_SAID[kind]).format(x=what, y=where)
    return question[:1].upper() + question[1:]


def _answered(truth: str, right: bool) -> str:
    return f"{'Yes' if right else 'No'}, {truth}"


def capital_and(rng: random.Random) -> Asked:
    """Ask for the capital of a country together with its language or its money."""
    kind = rng.choice(list(_TOLD))
    told = _TOLD[kind]
    country = drawn(rng, "capitals", [one for one in _CAPITALS if one in told])
    question = rng.choice(_SAID[f"capital_and_{kind}"]).format(x=country)
    return question, f"The capital of {country} is {_CAPITALS[country][0]}. {told[country]}"


def there(rng: random.Random, country: str) -> Asked:
    """Go on after the capital of a country: ask for the language or the money there."""
    kind = rng.choice(list(_TOLD))
    told = _TOLD[kind].get(country)
    return (rng.choice(_SAID[f"there_{kind}"]), told) if told else ("", "")
