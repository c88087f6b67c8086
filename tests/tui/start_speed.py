"""How long the chat takes to its first frame, beside an empty Textual application.

    cd tests && PYTHONPATH=.. python -m tui.start_speed [--pairs 9]

Each starts in a terminal of its own, in turn, after one start of each for nothing, which compiles
both, as installing does; the clock stops when what its first frame shows has come out of the
terminal. Not a test: machines differ.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time

EMPTY = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("the first frame")

Empty().run()
"""
CHAT = """
import sys
from medusa_chat.cli import main
sys.argv = ["medusa-chat", "--ephemeral"]
main()
"""
PROGRAMS = {"empty": (EMPTY, b"the first frame"), "chat": (CHAT, b"Write a message")}
PATIENCE_SECONDS = 60.0


def start(code: str, shown: bytes) -> tuple[float, float]:
    """Return the seconds until ``shown`` came, and the processor's time that all of it took."""
    begun = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(sys.executable, [sys.executable, "-c", code])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    came = b""
    while shown not in came:
        if not select.select([terminal], [], [], PATIENCE_SECONDS)[0]:
            raise TimeoutError(f"{shown!r} never came")
        came += os.read(terminal, 65536)
    seconds = time.perf_counter() - begun
    os.kill(child, signal.SIGKILL)
    _, _, usage = os.wait4(child, 0)
    os.close(terminal)
    return seconds, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print both, and the difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=9)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(HOME=home, PYTHONPYCACHEPREFIX=f"{home}/bytecode")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
        for turn in range(args.pairs + 1):
            for name, (code, shown) in PROGRAMS.items():
                measured = start(code, shown)
                if turn:
                    took[name].append(measured)
    medians = {
        name: [statistics.median(kind) * 1000 for kind in zip(*pairs, strict=True)]
        for name, pairs in took.items()
    }
    for name, (wall, processor) in medians.items():
        print(f"{name:6} {wall:5.0f} ms to the first frame, {processor:5.0f} ms of processor")
    more = [chat - empty for chat, empty in zip(medians["chat"], medians["empty"], strict=True)]
    print(f"the chat takes {more[0]:.0f} ms longer, {more[1]:.0f} ms of processor")


if __name__ == "__main__":
    main()
