"""The messages between the interface and the engine, and their form on the wire.

One JSON object a line: ``{"type": "Bursts", ...}``. Requests go to the engine, events come from it.
Standard library only, so that the interface can import it without torch.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal

from medusa_chat.decoding.stats import Figures, Mode, StopReason
from medusa_chat.errors import EngineError
from medusa_chat.settings import DecodeSettings, ModelSettings, SamplingDefaults


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn as a chat template takes it."""

    role: Literal["system", "user", "assistant"]
    content: str


# Requests ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Load:
    """Load this model; answered by Loading events and one Loaded or Failed."""

    settings: ModelSettings


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer this conversation; answered by Started, Bursts and one Finished or Failed."""

    reply_id: int
    messages: tuple[ChatMessage, ...]
    settings: DecodeSettings
    measured: bool = False
    """Begin with the prompt prefilled and nothing learnt but from it, after a warm-up, and leave
    no trace, so that replies can be compared."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop this reply and keep what came; answered by its Finished. Unknown ids are ignored."""

    reply_id: int


@dataclass(frozen=True, slots=True)
class Steps:
    """Tell what steps of a reply checked; answered by RecordedSteps, also while one is written."""

    reply_id: int
    first: int
    """The first of them, from 0."""
    count: int
    known: int = 0
    """How many steps' outcomes need not be told again."""


# Events --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loading:
    """A stage of loading has begun, in words."""

    stage: str
    fraction: float | None = None
    """How much of it is done, 0 to 1; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is ready."""

    model: str
    """As the user named it."""
    base_model: str
    dtype: str
    device: str
    quantization: str
    context_tokens: int
    """The most tokens that a prompt and its reply can have together."""
    heads: int
    """Medusa heads in use; 0 when the model can only decode plainly."""
    plain_reason: str | None = None
    """Why Medusa cannot be switched on, or None when it can."""
    notices: tuple[str, ...] = ()
    """What the user should know: an alias that was followed, a context that was capped."""
    template: str = "own"
    """Where the chat template comes from: ``own`` (the model's), a family's name, or ``unknown``:
    a plain one is used, and the user may know a better one."""
    defaults: SamplingDefaults = field(default_factory=SamplingDefaults)
    """How the model's authors would have its tokens drawn."""
    memory_bytes: int | None = None
    """Measured: what the model takes on its device, cache and heads included."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """How the prompt of a measured reply was prefilled, before it began."""

    prompt_tokens: int
    reused_tokens: int
    """How many of them were in the cache already."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Started:
    """A reply has begun: its prompt is templated, its seed drawn; prefill follows."""

    reply_id: int
    seed: int
    mode: Mode
    tree: str
    """The tree in words, as ``dynamic, 8 nodes``."""
    prompt_tokens: int
    reused_tokens: int
    launches: str | None = None
    """How steps are run, as ``CUDA graphs`` or ``eager: why``; None where that goes unsaid."""
    beforehand: Prefill | None = None
    """Of a measured reply alone; what it prefills itself is the last token then."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that belongs to one burst; a burst may come in several pieces."""

    burst: int
    """Index of the burst in its reply, from 0."""
    text: str
    tokens: int
    """How many tokens of the burst came with this piece (0 when only held text was let go)."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """New text, in order, and the figures so far. Sent at most 60 times a second."""

    reply_id: int
    pieces: tuple[Piece, ...]
    figures: Figures


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is over, for this reason, with these figures."""

    reply_id: int
    stop_reason: StopReason
    figures: Figures


@dataclass(frozen=True, slots=True)
class Overflow:
    """Why a prompt leaves no room for a reply, and what would help."""

    prompt_tokens: int
    context_tokens: int
    spare_messages: int
    """The oldest ones, a system message apart: without them there is room again. 0 where the last
    prompt alone is too long."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A request failed; the engine goes on. ``reply_id`` is None when loading failed."""

    reply_id: int | None
    message: str
    context_full: bool = False
    """The conversation has outgrown the model's context."""
    overflow: Overflow | None = None
    """By how much, where that is known."""
    lacked_memory: bool = False
    """Memory ran out."""


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """The tree that one step checked; an entry a node, parents before children, the root first."""

    parents: tuple[int, ...]
    """Of each node; the root's is itself."""
    texts: tuple[str, ...]
    sources: str
    """A letter each: R root, H head, B bigram table, L lookup."""
    weights: tuple[float, ...]
    """How likely the draft held the path down to each, 0 to 1; empty where it did not say."""
    accepted: tuple[int, ...]
    """The nodes that were right, from the root down."""
    next_text: str
    """Of the token that the model chose behind them."""
    seconds: float


@dataclass(frozen=True, slots=True)
class RecordedSteps:
    """What steps of a reply checked, as far as that is kept."""

    reply_id: int
    is_known: bool
    """Whether anything is kept of this reply; only that of the last ones is."""
    count: int = 0
    """Steps of it by now."""
    gone: int = 0
    """How many of the first ones are not kept any more."""
    known: int = 0
    """The step that ``accepted`` and ``depths`` begin with."""
    accepted: tuple[int, ...] = ()
    """Tokens that each step emitted, the root's included."""
    depths: tuple[int, ...] = ()
    """How deep each tree was; 0 where the root was alone."""
    first: int = 0
    """The step that ``steps`` begin with."""
    steps: tuple[CheckedStep, ...] = ()


Request = Load | Generate | Cancel | Steps
Event = Loading | Loaded | Started | Bursts | Finished | Failed | RecordedSteps

_TYPES: dict[str, type] = {
    message.__name__: message for message in (*typing.get_args(Request), *typing.get_args(Event))
}


def encode(message: Request | Event) -> bytes:
    """Return the message as one line of JSON, its newline included."""
    fields = dataclasses.asdict(message)
    return json.dumps({"type": type(message).__name__, **fields}).encode() + b"\n"


def decode(line: bytes) -> Request | Event:
    """Return the message that ``encode`` wrote. Raises EngineError for anything else."""
    try:
        fields = json.loads(line)
        message = _build(_TYPES[fields.pop("type")], fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(f"The engine and the interface disagree on {line[:80]!r}.") from error
    return typing.cast("Request | Event", message)


def _build(kind: Any, value: Any) -> Any:
    """Turn JSON back into ``kind``: a dataclass, a tuple of one kind, an optional, or a scalar."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _build(hints[name], item) for name, item in value.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return tuple(_build(arguments[0], item) for item in value)
    if origin in (types.UnionType, typing.Union) and value is not None:
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _build(inner, value)
    return value
