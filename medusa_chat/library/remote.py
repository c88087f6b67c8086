"""A model that is neither listed nor here, as far as the Hub tells."""

from __future__ import annotations

from medusa_chat.library.catalog import Entry, Machine, Part, ways
from medusa_chat.library.inspection import stored_bytes
from medusa_chat.models import memory
from medusa_chat.models.hub import listing as hub_listing
from medusa_chat.models.hub.contents import weights
from medusa_chat.models.hub.plan import RepositoryPlan
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.reference import parse
from medusa_chat.models.shape import HeadShape, ModelShape, context_of, shape_of

_NOISE = 0.005
"""Of a model's weights: what its shape leaves out."""
_HEADER_BYTES = 20_000
"""Of files of weights, beside them."""
_MOST_HEADS, _MOST_LAYERS = 8, 2


def remote_entry(name: str, machine: Machine, base: str | None = None) -> Entry:
    """Ask the Hub what it has of ``name``, and say whether that would fit on ``machine``.

    Nothing is fetched but configurations. Raises HubError when the Hub does not give it, ModelError
    for heads of which no base is known.
    """
    plan = make_plan(name, base)
    parts = tuple(
        Part(
            part.reference,
            "partial" if part.bytes_here else "absent",
            part.bytes_here,
            part.total_bytes,
        )
        for part in plan.repositories
    )
    whole = plan.repositories[-1]
    config = hub_listing.read_config(hub_listing.list_repository(parse(str(whole.reference))))
    shape, context = shape_of(config), context_of(config)
    heads_alone = len(plan.repositories) > 1
    # How many heads there are, only their file tells; what that weighs is known.
    heads, heads_bytes = None, (parts[0].bytes_total or 0) if heads_alone else 0
    if shape is not None and not heads_alone:
        heads_bytes = _bytes_besides(shape, whole, stored_bytes(config))
        heads = _shape_of_heads(shape, heads_bytes, stored_bytes(config)) if heads_bytes else None
    choices = ways(machine, shape, heads, context, heads_bytes=0 if heads else heads_bytes)
    return Entry(
        name=str(plan.repositories[0].reference),
        title=name,
        state="partial" if plan.bytes_here else "remote",
        base=str(whole.reference) if heads_alone else None,
        bytes_here=plan.bytes_here,
        bytes_total=plan.total_bytes,
        parameters=None if shape is None else shape.parameters,
        context_tokens=context,
        licence=plan.repositories[0].licence,
        listed=False,
        parts=parts,
        choices=choices,
        best=memory.best(choices),
        notes=tuple(
            f"{part.reference} is gated: the Hub asks for its licence to be accepted."
            for part in plan.repositories
            if part.gated
        ),
    )


def _bytes_besides(shape: ModelShape, plan: RepositoryPlan, weight_bytes: int) -> int:
    """Return what a repository's weights take more than a model of this shape: merged heads."""
    held = weights({file.name for file in plan.files})
    total = sum(file.size for file in plan.files if file.name in held)
    besides = total - weight_bytes * shape.parameters
    return besides if besides > _NOISE * total + _HEADER_BYTES else 0


def _shape_of_heads(shape: ModelShape, size: int, weight_bytes: int) -> HeadShape | None:
    """Return the heads that ``size`` bytes are, for a model of this shape; None if none are."""
    possible = [
        HeadShape(count, layers, own_output)
        for own_output in (True, False)
        for layers in range(1, _MOST_LAYERS + 1)
        for count in range(1, _MOST_HEADS + 1)
    ]
    off = {heads: abs(size - weight_bytes * heads.parameters(shape)) for heads in possible}
    nearest = min(possible, key=lambda heads: off[heads])
    noise = _NOISE * weight_bytes * shape.parameters + _HEADER_BYTES
    return nearest if off[nearest] <= noise else None
