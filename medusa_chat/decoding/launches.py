"""How the operations of a step come to the device: from CUDA graphs, or one after the other."""

from __future__ import annotations

from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.step import Forward

GRAPHS = "CUDA graphs"


def whole_step_obstacle(forward: LeanForward, repetition_penalty: float) -> str | None:
    """Return why whole steps, drafts and acceptance included, are not one CUDA graph each.

    None where they are. A ``repetition_penalty`` of 1 is none.
    """
    # The penalty knows the text so far, which lies on the host.
    if forward.whole_step_obstacle is None and repetition_penalty != 1:
        return "a repetition penalty is worked out on the host"
    return forward.whole_step_obstacle


def launches(forward: Forward, repetition_penalty: float = 1.0) -> str | None:
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
    obstacle = whole_step_obstacle(forward, repetition_penalty)
    if obstacle is not None:  # the forward pass is one, drafts are not
        return f"{GRAPHS} in part: {obstacle}"
    return GRAPHS
