from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.conversation.json_place import line_of

TEXT = """{
 "a": [1, {"b": 2},
  {"c": "x\\"]}"},
  [
   7
  ]
 ],
 "a b": null,
 "d": {}, "d":
 3
}"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ((), 1),
        (("a",), 2),
        (("a", 1, "b"), 2),
        (("a", 2), 3),
        (("a", 3, 0), 5),
        (("a b",), 8),
        (("d",), 10),
        (("a", 9), 2),
        (("missing", 1), 1),
        (("a", "b"), 2),
        ((0,), 1),
        (("a b", "c"), 8),
    ],
)
def test_the_line_of_a_value(place: tuple[str | int, ...], line: int) -> None:
    assert line_of(TEXT, place) == line


VALUES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(VALUES, st.data())
def test_any_value_is_found(value: Any, data: st.DataObject) -> None:
    place: list[str | int] = []
    inner: Any = value
    while isinstance(inner, dict | list) and inner:
        keys: list[Any] = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        key = data.draw(st.sampled_from(keys))
        place.append(key)
        inner = inner[key]
    text = json.dumps(value, indent=1)
    line = text.splitlines()[line_of(text, place) - 1] if place else text.split("\n")[0]
    shown = json.dumps(inner, indent=1).split("\n")[0]
    assert line.strip().rstrip(",").endswith(shown)
