"""Trees of a search drawn as one, in colour on a terminal, as plain lines in a pipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import IO

from rich.console import Console
from rich.text import Text
from rich.tree import Tree as RichTree

from medusa_chat.decoding.presets import PathList
from medusa_chat.decoding.tree import Path

_WIDTH = 100


def draw(paths: PathList, accuracies: Sequence[Sequence[float]], stream: IO[str]) -> None:
    """Draw the largest tree of a search on ``stream``: ranks, paths, and how likely each is right.

    ``paths`` are in the order of their finding, so the tree of n nodes is the root and the first
    n - 1 of them: behind each stands the size at which it enters.
    """
    sizes = {tuple(path): size for size, path in enumerate(paths, start=2)}
    root = RichTree(Text("root", style="bold"))
    drawn: dict[Path, RichTree] = {(): root}
    for path in sorted(sizes, key=lambda path: (len(path), path)):
        *_, rank = path
        chance = math.prod(accuracies[head][one] for head, one in enumerate(path))
        label = Text.assemble(
            (f"rank {rank + 1}", "bold"),
            f" of head {len(path)}  {list(path)}  {chance:.0%}",
            (f"  size {sizes[path]}", "dim"),
        )
        drawn[path] = drawn[path[:-1]].add(label)
    is_terminal = stream.isatty()
    console = Console(file=stream, width=None if is_terminal else _WIDTH, no_color=not is_terminal)
    console.print(root)
    console.print()
