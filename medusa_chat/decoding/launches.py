"""How the operations of a step come to the device: from CUDA graphs, or one after the other."""

from __future__ import annotations

from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.step import Forward

GRAPHS = "CUDA graphs"


def launches(forward: Forward) -> str | None:
    """Return in words how steps of ``forward`` are run, as ``eager: why``; None on a CPU.

    There nothing else is possible, and nothing to be said.
    """
    if forward.device.type != "cuda":
        return None
    if not isinstance(forward, LeanForward):
        return "eager: transformers' own forward runs them"
    reason = forward.eager_reason
    if reason is not None:
        return f"eager: {reason}"
    if forward.whole_step_obstacle is not None:  # the forward pass is one, drafts are not
        return f"{GRAPHS} in part: {forward.whole_step_obstacle}"
    return GRAPHS
