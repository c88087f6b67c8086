"""The program's own ways of decoding, as a benchmark names and runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import cast, get_args

from medusa_chat.benchmark.contestant import Messages, Sample
from medusa_chat.benchmark.peak_memory import PeakMemory
from medusa_chat.decoding.presets import named_paths
from medusa_chat.decoding.tree_choice import ChosenTree, check_tree
from medusa_chat.engine.local import Engine
from medusa_chat.errors import UsageError
from medusa_chat.settings import DecodeSettings, DraftSources

_STATIC_PRESET = "mc_sim_7b_63"
"""The Medusa framework's own default."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A name of ``--modes`` and what it decodes with."""

    name: str
    decode: DecodeSettings
    takes_the_size_of_dynamic: bool = False
    """Without a size of its own, a preset is cut to as many nodes as a dynamic tree has.

    So it is too where its next path is deeper than the model's heads go.
    """

    @property
    def is_exact(self) -> bool:
        """Whether its text is the same as that of plain decoding. Typical acceptance at 0 is."""
        return self.decode.acceptance == "exact" or self.decode.temperature == 0


def parse_mode(name: str, decode: DecodeSettings) -> Mode:
    """Return the mode called ``TREE[:NODES][+SOURCES]``, otherwise as ``decode`` says.

    ``plain`` is decoding with Medusa off and ``static`` a preset of the Medusa framework; sources
    are those of ``--draft``. Raises UsageError for a tree that does not exist.
    """
    words, plus, sources = name.rpartition("+")
    if not plus or sources not in get_args(DraftSources):  # a file's name may have one too
        words = name
    else:
        decode = replace(decode, draft=cast("DraftSources", sources))
    tree, separator, nodes = words.partition(":")
    size = decode.tree_size
    if separator:
        if not (nodes.isascii() and nodes.isdigit()):
            raise UsageError(f"--modes {name!r} has no number of nodes: write {tree}:8, or {tree}.")
        size = int(nodes)
    if tree == "plain":
        if name != "plain":
            raise UsageError(f"--modes {name!r}: plain decoding has no tree: write plain.")
        return Mode(name, replace(decode, medusa=False, tree="auto", tree_size=None))
    is_static = tree == "static"
    settings = replace(
        decode, medusa=True, tree=_STATIC_PRESET if is_static else tree, tree_size=size
    )
    check_tree(settings)
    return Mode(name, settings, takes_the_size_of_dynamic=is_static and not separator)


class ModeContestant:
    """A mode on a loaded model. Raises UsageError when its tree does not fit the model."""

    is_peer = False

    def __init__(self, engine: Engine, mode: Mode) -> None:
        self._engine = engine
        self._decode = mode.decode
        if mode.takes_the_size_of_dynamic:
            dynamic = engine.choose_tree(replace(mode.decode, tree="dynamic"))
            heads = engine.model.heads
            within = takewhile(lambda path: len(path) <= heads, named_paths(mode.decode.tree))
            size = min(dynamic.shape.size, 1 + len(list(within)))
            self._decode = replace(mode.decode, tree_size=size)
        tree: ChosenTree = engine.choose_tree(self._decode)
        self.name = mode.name
        self.is_exact = mode.is_exact
        self.words = tree.words
        self.drafts = tree.shape.depth > 0

    def answer(self, messages: Messages, cancelled: Callable[[], bool]) -> Sample:
        """Answer from an empty cache. Raises what ``Engine.answer`` does."""
        self._engine.forget()
        peak = PeakMemory(self._engine.model.decoder.forward.device)
        answer = self._engine.answer(messages, self._decode)
        text, passes = "", -1  # the first emission is prefill's
        for emissions in answer.run(cancelled):
            text += "".join(emission.text for emission in emissions)
            passes += 1
        output = answer.decoding.output
        return Sample(
            tokens=tuple(output.token_ids),
            text=text,
            figures=answer.decoding.figures,
            forward_steps=max(0, passes),
            stop_reason=output.stop_reason,
            peak_bytes=peak.bytes,
        )


def contestants_of(engine: Engine, modes: Sequence[Mode]) -> list[ModeContestant]:
    """Return ``modes`` on the model that ``engine`` holds.

    Raises UsageError, which names the mode, when a tree does not fit the model.
    """
    made = []
    for mode in modes:
        try:
            made.append(ModeContestant(engine, mode))
        except UsageError as error:
            raise UsageError(f"--modes {mode.name}: {error}") from error
    return made
