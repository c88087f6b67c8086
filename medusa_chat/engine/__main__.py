"""The engine as a process of its own: requests come on stdin, events go to stdout.

It ends when stdin does, in whatever way the interface has ended. Everything that libraries print
goes to stderr, which the interface has pointed at the log.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import queue
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, BinaryIO

from medusa_chat.engine.failure import failure_of, recover
from medusa_chat.engine.protocol import (
    Bursts,
    Cancel,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loading,
    Overflow,
    Piece,
    Prefill,
    RecordedSteps,
    Request,
    Started,
    Steps,
    decode,
    encode,
)
from medusa_chat.errors import ContextFullError, MedusaChatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_chat.engine.kept_steps import KeptSteps
    from medusa_chat.engine.local import Engine

_SEND_SECONDS = 1 / 60


class Server:
    """Reads requests in a thread, so that a reply can be cancelled; serves them in order."""

    def __init__(self, requests: BinaryIO, events: BinaryIO) -> None:
        self._requests = requests
        self._events = events
        self._queue: queue.SimpleQueue[Load | Generate | Steps] = queue.SimpleQueue()
        self._asked: queue.SimpleQueue[Steps] = queue.SimpleQueue()
        """What is to be told of steps, which a reply under way does not hold up."""
        self._kept_steps: KeptSteps | None = None
        self._cancelled: set[int] = set()
        self._measures = True

    def serve(self) -> None:
        """Serve until stdin ends; then the process exits at once, whatever it was doing."""
        try:
            # Before torch is imported: the reader can end the process meanwhile.
            threading.Thread(target=self._read, daemon=True).start()
            from medusa_chat.engine.local import Engine

            engine = Engine()
        except Exception as error:  # noqa: BLE001  # no thread, a broken torch, no memory
            traceback.print_exc()
            self._send(failure_of(error, None))
            # The reader holds stdin, and the interpreter would not end without it.
            sys.stderr.flush()
            os._exit(1)
        while True:
            request = self._next(engine)
            if isinstance(request, Steps):
                self._tell_steps()
                continue
            reply_id = request.reply_id if isinstance(request, Generate) else None
            try:
                if isinstance(request, Load):
                    self._load(engine, request)
                elif request.measured:
                    self._measure(engine, request)
                else:
                    self._reply(engine, request)
            except MedusaChatError as error:
                traceback.print_exception(error)
                full = isinstance(error, ContextFullError)
                over = _overflow(engine, request) if full else None
                self._send(Failed(reply_id, str(error), context_full=full, overflow=over))
            except Exception as error:  # noqa: BLE001  # whatever it is, the chat goes on
                traceback.print_exc()
                told = failure_of(error, reply_id)
                traceback.clear_frames(error.__traceback__)  # they hold what took the memory
                recover(engine)
                self._send(told)

    def _next(self, engine: Engine) -> Load | Generate | Steps:
        """Return the next request; until there is one, measure what steps take."""
        measuring = engine.measure()
        try:
            while self._measures and self._queue.empty():
                next(measuring)
        except StopIteration:
            pass
        except Exception:  # noqa: BLE001  # nobody has asked for it, so nobody is told
            traceback.print_exc()
            self._measures = False
        finally:
            measuring.close()
        return self._queue.get()

    def _read(self) -> None:
        try:
            for line in self._requests:
                request: Request | Event = decode(line)
                if isinstance(request, Cancel):
                    self._cancelled.add(request.reply_id)
                elif isinstance(request, Steps):
                    self._asked.put(request)
                    self._queue.put(request)  # to wake who waits there
                elif isinstance(request, Load | Generate):
                    self._queue.put(request)
        except Exception:  # noqa: BLE001  # what is no request, or no memory for it
            # Without this thread nothing would notice that stdin has ended.
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)

    def _send(self, event: Event) -> None:
        try:
            self._events.write(encode(event))
            self._events.flush()
        except BrokenPipeError:
            os._exit(0)

    def _load(self, engine: Engine, request: Load) -> None:
        from medusa_chat.engine.kept_steps import KeptSteps

        self._kept_steps = None
        gc.unfreeze()
        loaded = engine.load(request.settings, self._tell)
        # Looking through all that a model is made of takes as long as fifty of its steps.
        gc.collect()
        gc.freeze()
        self._kept_steps = KeptSteps(engine.model.format.token_text)
        self._send(loaded)

    def _tell_steps(self) -> None:
        """Answer all that was asked about steps."""
        while not self._asked.empty():
            asked, kept = self._asked.get(), self._kept_steps
            told = RecordedSteps(asked.reply_id, is_known=False)
            if kept is not None:
                try:
                    told = kept.tell(asked)
                except Exception:  # noqa: BLE001  # a reply must not end for it
                    traceback.print_exc()
            self._send(told)

    def _tell(self, stage: str, fraction: float | None) -> None:
        self._send(Loading(stage, fraction))

    def _measure(self, engine: Engine, request: Generate) -> None:
        from medusa_chat.engine.measured_run import measured_run

        messages, settings = request.messages, request.settings
        with measured_run(engine, messages, settings, self._cancels(request)) as prefill:
            self._reply(engine, request, prefill)

    def _cancels(self, request: Generate) -> Callable[[], bool]:
        return lambda: request.reply_id in self._cancelled

    def _reply(self, engine: Engine, request: Generate, beforehand: Prefill | None = None) -> None:
        from medusa_chat.models.memory_growth import bytes_in_use

        reply_id = request.reply_id
        answer = engine.answer(request.messages, request.settings)
        decoding = answer.decoding
        self._send(
            Started(
                reply_id=reply_id,
                seed=answer.seed,
                mode=answer.mode,
                tree=answer.tree.words,
                prompt_tokens=decoding.figures.prompt_tokens,
                reused_tokens=decoding.reused_tokens,
                launches=decoding.launches,
                beforehand=beforehand,
            )
        )
        assert self._kept_steps is not None, "a model is loaded"
        self._kept_steps.keep(reply_id, decoding.steps)
        pieces: list[Piece] = []
        sent_at = 0.0
        for emissions in answer.run(self._cancels(request)):
            pieces += [Piece(item.burst, item.text, item.tokens) for item in emissions]
            now = time.perf_counter()
            if now - sent_at >= _SEND_SECONDS:
                self._send(Bursts(reply_id, tuple(pieces), decoding.figures))
                pieces, sent_at = [], now
            if not self._asked.empty():
                self._tell_steps()
        if pieces:
            self._send(Bursts(reply_id, tuple(pieces), decoding.figures))
        stop_reason = decoding.output.stop_reason
        assert stop_reason is not None
        in_use = bytes_in_use(engine.model.decoder.forward.device)
        figures = dataclasses.replace(decoding.figures, memory_bytes=in_use)
        self._send(Finished(reply_id, stop_reason, figures))
        self._cancelled.discard(reply_id)
        if beforehand is None:
            engine.keep_times()


def _overflow(engine: Engine, request: Load | Generate) -> Overflow | None:
    from medusa_chat.engine.overflow import overflow

    if not isinstance(request, Generate) or request.settings.raw:
        return None
    settings, context_tokens = request.settings, engine.model.decoder.forward.context_tokens
    try:
        return overflow(
            request.messages, lambda some: engine.encode(some, settings), context_tokens
        )
    except MedusaChatError:
        # A template may refuse what is left of a conversation.
        return None


def main() -> None:
    """Serve the interface that started this process."""
    # The interface decides what Ctrl+C means; it may reach the whole process group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Server(sys.stdin.buffer, events).serve()


if __name__ == "__main__":
    main()
