"""All models at a glance: what ``models.toml`` lists, and what else is in the Hub's cache.

No network is asked and no torch is needed, so it can be made anew whenever something changes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medusa_chat import paths
from medusa_chat.errors import ModelError
from medusa_chat.library.inspection import Inspection, inspect, sizes_in
from medusa_chat.library.speeds import Speed, speeds
from medusa_chat.models import base_choices, memory
from medusa_chat.models.device_memory import DeviceMemory
from medusa_chat.models.files import preferred
from medusa_chat.models.hub import cache
from medusa_chat.models.hub.reference import Reference, hub_name, is_hub_id, parse
from medusa_chat.models.memory import Choice, Footprint, LoadPlan
from medusa_chat.models.registry import KnownModel, registry
from medusa_chat.models.shape import HeadShape, ModelShape
from medusa_chat.settings import HeadPrecision

State = Literal["built in", "here", "partial", "remote", "gated"]
PLAIN = "plain"
"""The layout of a model without heads."""
_USUAL_CONTEXT = 2048
"""For a model that names none."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What models are to fit into."""

    memory: DeviceMemory | None = None
    """None where it is not known: then there are no verdicts."""
    context_tokens: int | None = None
    """As the user cut it; None is each model's own."""
    head_precision: HeadPrecision = "full"


@dataclass(frozen=True, slots=True)
class Part:
    """One repository of a model: its own, or its base's. Sizes in bytes."""

    reference: Reference
    state: cache.State
    bytes_here: int
    bytes_total: int | None
    folder: Path | None = None
    """Where it lies, once all of it does."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a model, its base included where it has heads alone. None is "not known"."""

    name: str
    """What ``--model`` takes."""
    title: str
    state: State
    """Of the model and its base together: here only when both are."""
    layout: str | None = None
    """v0.1, shared, merged, vllm; or plain, for a model without heads."""
    heads: int | None = None
    head_vocabulary: int | None = None
    """Tokens that the heads guess, where those are not all of the base's."""
    sees_root: bool = False
    """Whether the heads see the token that is certain already, besides the hidden state."""
    base: str | None = None
    """The base that heads alone belong to."""
    needs_base: bool = False
    """Heads alone of which nobody has said what they belong to: they cannot be loaded so."""
    bytes_here: int = 0
    """On disk, whole or in part, the base's included."""
    bytes_total: int | None = None
    """Of all that is needed, the base's included."""
    parameters: int | None = None
    head_parameters: int | None = None
    context_tokens: int | None = None
    licence: str | None = None
    listed: bool = True
    """In models.toml; else only found in the cache."""
    parts: tuple[Part, ...] = ()
    """Its own repository, then its base's; none for what ships with the program."""
    choices: tuple[Choice, ...] = ()
    """At each precision, the device's usual one first: memory, and whether it fits."""
    best: Choice | None = None
    """The first one that fits, or that might."""
    speed: Speed | None = None
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def bytes_missing(self) -> int | None:
        """Bytes that are yet to come."""
        total = self.bytes_total
        return None if total is None else max(0, total - self.bytes_here)


def entries(machine: Machine | None = None) -> tuple[Entry, ...]:
    """Return all models: the built-in one, the listed ones, then what else the cache holds."""
    machine = machine or Machine()
    measured = speeds()
    known = registry().models
    listed = [_listed(model, machine, measured) for model in known]
    names = {model.name for model in known}
    others = [
        entry
        for repository in cache.cached_repositories()
        if repository not in names
        if (entry := _cached(Reference(repository), machine, measured)) is not None
    ]
    return (*listed, *others)


def entry_of(name: str, machine: Machine | None = None) -> Entry | None:
    """Return the row of one model, listed or not; None for what cannot be on the Hub.

    One that is neither listed nor here is remote, and nothing else is known of it.
    """
    machine = machine or Machine()
    name = hub_name(name)
    known = registry().find(name)
    _, _, revision = name.partition("@")
    if known is not None and (not revision or revision == known.revision):
        return _listed(known, machine, speeds())
    if not is_hub_id(name):
        return None
    reference = parse(name)
    if known is not None:
        reference = Reference(known.name, reference.revision)
    entry = _cached(reference, machine, speeds(), always=True)
    if entry is None:
        part = Part(reference, "absent", 0, None)
        entry = Entry(str(reference), str(reference), "remote", listed=False, parts=(part,))
    return entry


def folder_entry(folder: Path, machine: Machine, base: str | None = None) -> Entry:
    """Return the row of a model in a folder of the user's own, whose ``base`` may be named.

    Raises ModelError for one that holds no model.
    """
    own = inspect(folder)
    if not own.is_model:
        raise ModelError(f"{folder} holds no language model, and no Medusa heads.")
    held, name = own.total_bytes, str(folder)
    part = Part(Reference(name), "here", held, held, folder)
    base = (base or own.base or base_choices.recall(name)) if own.is_heads_alone else None
    places = [] if base is None else [folder / base, paths.written(base)]
    beside = next((place for place in places if place.is_dir()), None)
    return _unlisted(name, own, part, base, beside, machine)


def ways(
    machine: Machine,
    shape: ModelShape | None,
    heads: HeadShape | None,
    context_tokens: int | None,
    files: Inspection | None = None,
    heads_bytes: int = 0,
) -> tuple[Choice, ...]:
    """Return the footprints and verdicts of a model on ``machine``; none where nothing is known.

    ``heads_bytes`` is what heads weigh of which that alone is known.
    """
    device = machine.memory
    context = context_tokens or machine.context_tokens or _USUAL_CONTEXT
    plan = LoadPlan(
        device="cpu" if device is None else device.kind,
        context_tokens=min(context, machine.context_tokens or context),
        head_precision=machine.head_precision,
    )
    free = None if device is None else device.free_bytes
    total = None if device is None else device.total_bytes
    if shape is not None:

        def estimate(way: LoadPlan) -> Footprint:
            made = memory.footprint(shape, heads, way)
            return dataclasses.replace(made, heads_bytes=made.heads_bytes + heads_bytes)

        return memory.choices(estimate, plan, free, total, shape)
    if files is not None and files.weights_bytes:
        size, stored = files.weights_bytes, files.stored_bytes
        return memory.choices(
            lambda way: memory.footprint_of_files(size, stored, way), plan, free, total
        )
    return ()


def _listed(model: KnownModel, machine: Machine, measured: Mapping[str, Speed]) -> Entry:
    parts: list[Part] = []
    if model.folder is None:
        own = parse(preferred(model.name, model.revision))
        parts.append(_part(own, model.download_bytes))
        if model.base is not None:
            base = parse(preferred(model.base, model.base_revision))
            parts.append(_part(base, model.base_download_bytes))
    state = _state(parts) if parts else "built in"
    notes = [] if model.note is None else [model.note]
    if model.gated and state != "here":
        notes.append("The Hub asks for its licence to be accepted before it gives it.")
    found = ways(machine, model.shape, model.head_shape, model.context_tokens)
    return Entry(
        name=model.name,
        title=model.title,
        state="gated" if model.gated and state == "remote" else state,
        layout=model.layout,
        heads=model.heads,
        head_vocabulary=model.head_vocabulary,
        sees_root=model.sees_root,
        base=model.base,
        bytes_here=sum(part.bytes_here for part in parts),
        bytes_total=_total(parts),
        parameters=model.parameters,
        head_parameters=model.head_parameters,
        context_tokens=model.context_tokens,
        licence=model.licence,
        parts=tuple(parts),
        choices=found,
        best=memory.best(found),
        speed=next(
            (measured[name] for name in (model.name, *model.aliases) if name in measured), None
        ),
        aliases=model.aliases,
        notes=tuple(notes),
    )


def _cached(
    reference: Reference, machine: Machine, measured: Mapping[str, Speed], *, always: bool = False
) -> Entry | None:
    """Return the row of what the cache holds of ``reference``.

    None for nothing, and, unless ``always``, for what is no language model.
    """
    part = _part(reference, None)
    if part.state == "absent":
        return None
    own = inspect(part.folder or _any_folder(reference))
    # Of a download that has not come to its configuration it cannot be said what it is.
    if part.state == "here" and not own.is_model and not always:
        return None
    name, base, folder = str(reference), None, None
    # Of what has not come whole, only its configuration tells.
    if own.is_heads_alone or (part.state != "here" and own.base is not None):
        # Folders of this machine are for its user to name, not for a repository.
        base = own.base if own.base is not None and is_hub_id(own.base) else None
        if base is None:
            base = base_choices.recall(name)
            folder = Path(base) if base is not None and Path(base).is_dir() else None
    return _unlisted(name, own, part, base, folder, machine, measured.get(name))


def _unlisted(
    name: str,
    own: Inspection,
    part: Part,
    base: str | None,
    base_folder: Path | None,
    machine: Machine,
    speed: Speed | None = None,
) -> Entry:
    """Return the row of what ``part`` holds; ``base_folder`` is a base's outside the cache."""
    parts = [part]
    if base is not None and base_folder is None and is_hub_id(base):
        parts.append(_part(parse(base), None))
        base_folder = parts[-1].folder
    elif base_folder is None:
        base = None
    needs_base = own.is_heads_alone and base is None and part.state == "here"
    whole = own if not own.is_heads_alone and base is None else None
    if base_folder is not None:
        whole = inspect(base_folder)
    found: tuple[Choice, ...] = ()
    if whole is not None:
        found = ways(machine, whole.shape, own.heads, whole.context_tokens, whole)
    shape = None if whole is None else whole.shape
    is_plain = own.layout is None and not own.is_heads_alone
    unknown = f"Its base is not known: medusa-chat --model {name} --base-model BASE names it."
    return Entry(
        name=name,
        title=name,
        state="partial" if needs_base else _state(parts),
        layout=own.layout or (PLAIN if is_plain and part.state == "here" else None),
        heads=None if own.heads is None else own.heads.count,
        head_vocabulary=None if own.heads is None else own.heads.vocabulary,
        sees_root=own.heads is not None and own.heads.sees_root,
        base=base,
        needs_base=needs_base,
        bytes_here=sum(part.bytes_here for part in parts),
        bytes_total=None if needs_base else _total(parts),
        parameters=None if shape is None else shape.parameters,
        head_parameters=None if shape is None or own.heads is None else own.heads.parameters(shape),
        context_tokens=None if whole is None else whole.context_tokens,
        listed=False,
        parts=tuple(parts),
        choices=found,
        best=memory.best(found),
        speed=speed,
        notes=(unknown,) if needs_base else (),
    )


def _part(reference: Reference, size: int | None) -> Part:
    """Return how things stand with one repository; ``size`` is what the Hub has, if that is known.

    Once it is here, its files say what it takes.
    """
    folder = cache.cached_folder(reference)
    if folder is not None:
        held = sum(sizes_in(folder).values())
        return Part(reference, "here", held, held, folder)
    state = cache.state_of(reference)
    if state == "absent":
        return Part(reference, state, 0, size)
    usage = cache.usage_of(reference.repository)
    held = usage.complete_bytes + usage.partial_bytes
    return Part(reference, state, held if size is None else min(held, size), size)


def _total(parts: Sequence[Part]) -> int | None:
    sizes = [part.bytes_total for part in parts if part.bytes_total is not None]
    return sum(sizes) if sizes and len(sizes) == len(parts) else None


def _any_folder(reference: Reference) -> Path:
    commit = cache.commit_of(reference) or "none"
    return cache.snapshot_path(reference.repository, commit)


def _state(parts: list[Part]) -> State:
    states = {part.state for part in parts}
    if states == {"here"}:
        return "here"
    return "remote" if states == {"absent"} else "partial"
