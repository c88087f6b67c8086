"""Whether the program that was writing a reply is still there."""

from __future__ import annotations


def is_writing(writer: str | None) -> bool:
    """Tell whether the process that a row names, ``ID TIME``, still runs.

    A process of that number which began after ``TIME`` is another one.
    """
    if writer is None:
        return False
    process_id, _, seconds = writer.partition(" ")
    import psutil  # not at the top: most starts have nothing to ask

    try:
        process = psutil.Process(int(process_id))
        is_over = process.status() == psutil.STATUS_ZOMBIE
        return not is_over and process.create_time() <= float(seconds) + 1
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
