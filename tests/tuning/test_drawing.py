"""How searched trees are drawn."""

from __future__ import annotations

import io

from medusa_chat.tuning.drawing import draw
from medusa_chat.tuning.measurement import Outcome, Outcomes
from medusa_chat.tuning.report import drawing_title

FOUND = Outcomes(
    1.0,
    (
        Outcome("searched", 2, 1.5, 100, 1.4),
        Outcome("searched", 4, 1.8, 80, 1.5),
        Outcome("all", 4, 2.4, 70, 1.6),
    ),
)


def test_each_node_says_from_which_size_on_it_is_in_the_tree() -> None:
    """Nodes are drawn by their place in the tree, not as they were found."""
    stream = io.StringIO()
    draw([[0], [0, 0], [1], [0, 0, 0]], [[0.6, 0.2], [0.5, 0.1], [0.25, 0.0]], stream)
    assert stream.getvalue().split("\n")[:5] == [
        "root",
        "├── rank 1 of head 1  [0]  60%  size 2",
        "│   └── rank 1 of head 2  [0, 0]  30%  size 3",
        "│       └── rank 1 of head 3  [0, 0, 0]  8%  size 5",
        "└── rank 2 of head 1  [1]  20%  size 4",
    ]


def test_it_is_said_where_the_automatic_tree_takes_another() -> None:
    searched = drawing_title(FOUND, begins_searched=True)
    assert "the fastest has 4" in searched
    assert "--tree auto" not in searched
    assert "--tree auto begins with none of them" in drawing_title(FOUND, begins_searched=False)
