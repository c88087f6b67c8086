"""What a benchmark measures, and how often. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from medusa_chat.benchmark.named_shapes import SHAPES
from medusa_chat.errors import UsageError

Suite = Literal["chat", "steps", "replay", "quality", "gpu"]
ForwardName = Literal["auto", "stock", "lean"]
Peer = Literal["transformers", "prompt-lookup"]

DEFAULT_MODES = ("plain", "static", "dynamic", "auto")
QUALITY_MODES = ("plain", "auto")
DEFAULT_NEW_TOKENS = 128
DEFAULT_REPEATS = 3
DEFAULT_PREFIX_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """One run of the benchmark. Raises UsageError for a value that cannot be used.

    ``suite`` ``chat`` answers prompts, ``steps`` times one forward pass over n nodes, ``replay``
    scores trees offline, ``quality`` is perplexity and answers side by side, and ``gpu`` is what
    matters on a CUDA device.
    """

    suite: Suite = "chat"
    prompts: str | None = None
    """A file of JSON lines; None takes those that ship with the program."""
    modes: tuple[str, ...] = DEFAULT_MODES
    peers: tuple[Peer, ...] = ()
    repeats: int = DEFAULT_REPEATS
    prompts_per_category: int | None = None
    """None takes all of them."""
    shape: str | None = None
    """A random model of this shape is measured; None takes the model that is named."""
    forward: ForwardName = "auto"
    prefix_tokens: int = DEFAULT_PREFIX_TOKENS
    """In the cache while steps are timed."""
    text: str | None = None
    """A file whose perplexity is measured; None takes the text that ships with the program."""
    against: str | None = None
    """Another model, to compare the quality with."""
    output: str | None = None
    """A folder for the answers; None keeps none."""
    as_json: bool = False

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise UsageError(f"--repeat {self.repeats} is out of range: 1 or more.")
        if self.prompts_per_category is not None and self.prompts_per_category < 1:
            raise UsageError(
                f"--per-category {self.prompts_per_category} is out of range: 1 or more."
            )
        if self.prefix_tokens < 1:
            raise UsageError(f"--prefix {self.prefix_tokens} is out of range: 1 token or more.")
        if not self.modes:
            raise UsageError(f"--modes is empty: use some of {', '.join(DEFAULT_MODES)}.")
        for names, option in ((self.modes, "--modes"), (self.peers, "--peers")):
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise UsageError(f"{option} has {twice[0]!r} twice: remove one.")
        for peer in self.peers:
            if peer not in get_args(Peer):
                raise UsageError(
                    f"--peers {peer!r} is not known: use {' or '.join(get_args(Peer))}."
                )
        if self.shape is not None and self.shape not in SHAPES:
            raise UsageError(f"--shape {self.shape!r} is not known: use {', '.join(SHAPES)}.")
