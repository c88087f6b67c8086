"""A model that is neither listed nor here, as far as the Hub tells."""

from __future__ import annotations

from medusa_chat.library.catalog import Entry, Machine, Part, ways
from medusa_chat.models import memory
from medusa_chat.models.hub import listing as hub_listing
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.reference import parse
from medusa_chat.models.shape import context_of, shape_of


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
    heads_bytes = (parts[0].bytes_total or 0) if heads_alone else 0
    choices = ways(machine, shape, None, context, heads_bytes=heads_bytes)
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
