"""The trees that are compared: searched ones, grown from the heads, and from all that is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from medusa_chat.decoding.adaptive_tree import AdaptiveTree, StepShape
from medusa_chat.decoding.presets import PathList
from medusa_chat.decoding.searched_trees import SearchedTrees
from medusa_chat.decoding.step_times import SIZES
from medusa_chat.decoding.tree_choice import choose_tree, most_nodes
from medusa_chat.decoding.tree_search import search
from medusa_chat.models.loader import LoadedModel
from medusa_chat.settings import DecodeSettings, DraftSources

SEARCHED = "searched"
HEADS = "heads"
_DEPTH = 4
"""Published trees are at most this deep, whatever the number of heads."""


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
    kinds: list[Kind] = []
    paths: PathList = []
    if model.heads:
        paths = search(accuracies, sizes[-1], max_depth=min(model.heads, _DEPTH))
        kinds.append(Kind(SEARCHED, SearchedTrees(paths, forward.device).shape))
        kinds.append(Kind(HEADS, _grown(model, decode, "heads")))
    if decode.draft != "heads":
        kinds.append(Kind(decode.draft, _grown(model, decode, decode.draft)))
    return Candidates(tuple(kinds), sizes, paths)


def _grown(
    model: LoadedModel, decode: DecodeSettings, draft: DraftSources
) -> Callable[[int], StepShape]:
    forward = model.decoder.forward

    def shape_of(size: int) -> StepShape:
        chosen = choose_tree(
            replace(decode, tree="dynamic", tree_size=size, draft=draft),
            heads=model.heads,
            vocabulary=forward.vocabulary,
            device=forward.device,
            checks_trees=True,
        )
        assert not isinstance(chosen.shape, AdaptiveTree), "a tree of one size"
        return chosen.shape

    return shape_of
