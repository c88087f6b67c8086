"""``medusa-chat train``: its exit status, and what it says when it is stopped or out of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_chat import thread_waiting
from medusa_chat.errors import INTERRUPTED, ModelError
from medusa_chat.training.settings import TrainSettings

if TYPE_CHECKING:
    from medusa_chat.training.team import Team


def run(settings: TrainSettings, team: Team | None = None) -> int:
    """Train heads and return the exit status: 0 when they are there, 130 after Ctrl+C.

    The same settings on the same folder go on where it was stopped; a ``team`` does it together.
    Raises MedusaChatError, in words, for whatever a user can cause or meet.
    """
    thread_waiting.settle()
    from medusa_chat.models.out_of_memory import is_out_of_memory
    from medusa_chat.status_line import tell
    from medusa_chat.training.memory_need import remedies
    from medusa_chat.training.run_folder import RunFolder
    from medusa_chat.training.session import train
    from medusa_chat.training.team import Team
    from medusa_chat.training.trainer import Outcome

    team = team or Team()
    folder = RunFolder(settings)
    # Nobody begins to write there before all have looked.
    team.wait()
    if folder.finished:
        tell(f"{settings.output} is finished: --model {settings.output} chats with it.")
        return 0
    try:
        return 0 if train(settings, folder, team) is Outcome.DONE else INTERRUPTED
    except KeyboardInterrupt:
        tell("Stopped. The same command goes on from what was last saved, if anything was.")
        return INTERRUPTED
    except (MemoryError, RuntimeError) as error:
        # torch's own OutOfMemoryError is a RuntimeError.
        if not is_out_of_memory(error):
            raise
        if not folder.saved:
            raise ModelError(
                "Out of memory, and nothing is saved yet: free some, or take less with "
                f"{remedies(settings)}."
            ) from error
        raise ModelError(
            "Out of memory: free some, and the same command goes on from what was last saved in "
            f"{settings.output}; or begin anew in another --output with {remedies(settings)}."
        ) from error
