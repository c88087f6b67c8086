"""The processes that train together, one a device: their sums, and their agreement.

Alone a process does none of this. Together each makes the gradients of its own batches; the sums
of all are the same everywhere, and so is what every process makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

from medusa_chat.errors import ModelError
from medusa_chat.models.out_of_memory import is_out_of_memory

_REASON = re.compile(r"(?:\[[^]]*\] *)?(.*?)(?:\. .*)?")
"""Behind the place in gloo's source, and before its advice."""
_PATIENCE = timedelta(days=1)
"""The others wait in a sum while the first one fetches the base, and when it writes what learnt:
libraries' own 10 to 30 minutes are too few. A process that ends is noticed without it."""


@dataclass(frozen=True, slots=True)
class Team:
    """``size`` processes, of which this is number ``rank``; the first one speaks and writes."""

    size: int = 1
    rank: int = 0
    device: torch.device | None = None
    """The one that this process was given; None leaves the choice to the settings."""

    @property
    def leads(self) -> bool:
        """Whether this process is the one that speaks and writes."""
        return self.rank == 0

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Set each tensor, in place, to its sum over all processes.

        Raises ModelError where another process is gone, as all that follow do.
        """
        if self.size > 1:
            for tensor in tensors:
                _add_up(tensor)

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum of a small tensor on the CPU over all processes."""
        if self.size == 1:
            return tensor
        moved = tensor.to(self.device or "cpu", copy=True)
        _add_up(moved)
        return moved.cpu()

    def any(self, flag: bool) -> bool:
        """Return whether any process says so."""
        if self.size == 1:
            return flag
        return bool(self.total(torch.tensor(float(flag))).item())

    def wait(self) -> None:
        """Wait until all processes are here."""
        self.any(False)


def _add_up(tensor: Tensor) -> None:
    try:
        distributed.all_reduce(tensor)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        found = _REASON.fullmatch((str(error).splitlines() or [""])[0])
        reason = (found and found[1]) or type(error).__name__
        raise ModelError(
            f"Another process of this training has ended, or is out of reach ({reason}): the same "
            "command goes on from what was last saved, if anything was."
        ) from error


def assemble(device: str = "auto") -> Team:
    """Return the team that ``accelerate launch`` has started this process for.

    ``device`` "cpu" keeps to the CPU. One process alone is a team of one.
    """
    import accelerate

    state = accelerate.PartialState(cpu=device == "cpu", timeout=_PATIENCE)
    if state.num_processes == 1:
        return Team()
    # Without the number that it gives a CPU.
    given = torch.device("cpu") if state.device.type == "cpu" else state.device
    return Team(state.num_processes, state.process_index, given)


def dismiss() -> None:
    """End the processes' connection."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
