"""What is said of an error that nobody expected, and what is done before the next request."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from medusa_chat.engine.protocol import Failed
from medusa_chat.memory_shortage import tells_of_shortage

if TYPE_CHECKING:
    from medusa_chat.engine.local import Engine

_MOST_CHARACTERS = 200


def failure_of(error: BaseException, reply_id: int | None) -> Failed:
    """Return what happened to a reply, or for None to a model that was to be loaded.

    Where memory ran out it says what would help; with which keys is for the interface to say.
    """
    if lacked_memory(error):
        told = (
            "Memory ran out while the model was loaded. Close other programs, or take a smaller "
            "model or fewer bits."
        )
        if reply_id is not None:
            told = (
                "Memory ran out while the reply was written. Close other programs and load the "
                "model anew; a new chat or fewer bits take less."
            )
        return Failed(reply_id, told, lacked_memory=True)
    reason = (str(error).strip().splitlines() or [""])[0][:_MOST_CHARACTERS].rstrip(".")
    said = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    return Failed(reply_id, f"The engine met an unexpected {said}.")


def lacked_memory(error: BaseException) -> bool:
    """Return whether memory ran out; a library may have put that in words of its own."""
    if isinstance(error, MemoryError):
        return True
    # Not the cause alone: what cleans up behind an error may fail for another reason.
    line = "".join(traceback.format_exception_only(error))
    before = error.__cause__ or error.__context__
    return tells_of_shortage(line) or (before is not None and lacked_memory(before))


def recover(engine: Engine) -> None:
    """Leave the engine as the next reply needs it; what half a step has left is not gone on from.

    Its memory goes back to the system too, so that what did not fit may fit the next time. Not all
    heals: oneDNN has been seen to fail ever after on what it once found no memory for.
    """
    from medusa_chat.models.memory_growth import release_memory

    try:
        if engine.has_model:
            engine.forget()
        release_memory()
    except Exception:  # noqa: BLE001  # the next request tells what is broken
        traceback.print_exc()
