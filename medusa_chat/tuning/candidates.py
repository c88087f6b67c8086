"""The trees that are compared: searched ones, grown from the heads, and from all that is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from medusa_chat.decoding.adaptive_tree import StepShape
from medusa_chat.decoding.presets import PathList
from medusa_chat.decoding.searched_trees import SearchedTrees
from medusa_chat.decoding.step_times import SIZES
from medusa_chat.decoding.tree_choice import MOST_HEADS, grown_tree, most_nodes
from medusa_chat.decoding.tree_search import search
from medusa_chat.models.loader import LoadedModel
from medusa_chat.settings import DecodeSettings

SEARCHED = "searched"
HEADS = "heads"


@dataclass(frozen=True, slots=True)
class Kind:
    """Trees of one kind, by their size."""

    name: str
    shape_of: Callable[[int], StepShape]


@dataclass(frozen=True, slots=True)
class Candidates:
    """All kinds, the sizes that each of them is tried at, and the paths of the search."""

    kinds: tuple[Kind, ...]
    sizes: tuple[int, ...]
    """Without the root alone, which is none of them."""
    paths: PathList


def candidates_for(
    model: LoadedModel, decode: DecodeSettings, accuracies: Sequence[Sequence[float]]
) -> Candidates:
    """Return what can be drafted for ``model``, its heads being right as often as ``accuracies``.

    Besides the heads alone and a search, trees grow from the sources that ``decode`` names.
    """
    forward = model.decoder.forward
    sizes = tuple(size for size in SIZES if 1 < size <= most_nodes(forward.device))
    known = (model.heads, forward.vocabulary, forward.device)
    kinds: list[Kind] = []
    paths: PathList = []
    if model.heads:
        paths = search(accuracies, sizes[-1], max_depth=MOST_HEADS)
        kinds.append(Kind(SEARCHED, SearchedTrees(paths, forward.device).shape))
        kinds.append(Kind(HEADS, partial(grown_tree, "heads", *known)))
    if decode.draft != "heads":
        kinds.append(Kind(decode.draft, partial(grown_tree, decode.draft, *known)))
    return Candidates(tuple(kinds), sizes, paths)
