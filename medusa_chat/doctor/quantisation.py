"""Whether models can be loaded in 8 and in 4 bits here."""

from __future__ import annotations

from collections.abc import Iterator

from medusa_chat.doctor.facts import QuantisationFacts
from medusa_chat.doctor.finding import Finding
from medusa_chat.doctor.inquiry import NoAnswer

_REMEDY = "Install bitsandbytes again (pip install -U bitsandbytes), or load models in 16 bits."


def findings(facts: QuantisationFacts | NoAnswer) -> Iterator[Finding]:
    """Yield a finding for each precision; one alone when bitsandbytes does not even start."""
    if isinstance(facts, NoAnswer):
        yield Finding(
            "quantisation", "warning", f"bitsandbytes cannot be used: {facts.reason}", _REMEDY
        )
        return
    for bits, error in facts.errors.items():
        name = f"{bits[0]}-bit models"
        if error:
            yield Finding(name, "warning", f"fail on {facts.device}: {error}", _REMEDY)
        else:
            yield Finding(name, "ok", f"a layer quantised on {facts.device} gives what it should")
