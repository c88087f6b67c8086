"""Steps that are timed while nobody asks for anything, and that leave no trace."""

from __future__ import annotations

import io
from collections.abc import Generator

import pytest
from untried_engine import engine as engine

from medusa_chat.decoding.automatic_tree import AutomaticTree
from medusa_chat.engine import __main__ as server
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage, Generate
from medusa_chat.settings import DecodeSettings

SIZES = (1, 2, 4, 6, 8, 12, 16)
AUTO = DecodeSettings(temperature=0, max_new_tokens=40, ignore_eos=True)
FIXED = DecodeSettings(
    tree="dynamic", tree_size=12, temperature=0, max_new_tokens=60, ignore_eos=True
)
QUESTION = ChatMessage("user", "Hello")


def automatic(engine: Engine) -> AutomaticTree:
    shape = engine.choose_tree(AUTO).shape
    assert isinstance(shape, AutomaticTree)
    return shape


def bursts(engine: Engine, settings: DecodeSettings, *messages: ChatMessage) -> list[list[int]]:
    answer = engine.answer(messages, settings)
    for _ in answer.run(lambda: False):
        pass
    return answer.decoding.output.bursts


def test_every_size_is_measured_once_and_kept(engine: Engine) -> None:
    tree = automatic(engine)
    assert tree.grown.times.measured == {}
    steps = sum(1 for _ in engine.measure())
    assert steps >= 2 * 4 * len(SIZES)
    measured = tree.grown.times.measured
    assert tuple(measured) == SIZES
    assert all(seconds > 0 for seconds in measured.values())
    assert list(engine.measure()) == []
    engine._trees.clear()
    assert automatic(engine).grown.times.measured == measured


def test_before_any_reply_what_most_of_them_will_use_is_measured(engine: Engine) -> None:
    for _ in engine.measure():
        pass
    shape = engine.choose_tree(DecodeSettings()).shape
    assert isinstance(shape, AutomaticTree)
    assert tuple(shape.grown.times.measured) == SIZES
    assert automatic(engine).grown.times.measured == {}


def test_without_a_model_there_is_nothing_to_measure() -> None:
    assert list(Engine().measure()) == []


def test_a_reply_after_it_tries_no_size_for_its_time(engine: Engine) -> None:
    tree = automatic(engine)
    before = tree.next_shape().size
    for _ in engine.measure():
        pass
    assert before == 1  # the first of the missing ones
    times = tree.grown.times
    pairs = zip(SIZES, tree.grown._sizer.accepted, strict=True)
    rates = {size: accepted / (times.of(size) or 1) for size, accepted in pairs}
    assert rates[tree.next_shape().size] >= max(rates.values()) / 1.03


@pytest.mark.parametrize("steps", [0, 1, 3, 30, None])
def test_nothing_is_left_of_it(engine: Engine, steps: int | None) -> None:
    second = (QUESTION, ChatMessage("assistant", "Hi."), ChatMessage("user", "And?"))
    expected = [bursts(engine, FIXED, QUESTION), bursts(engine, FIXED, *second)]
    engine.forget()
    automatic(engine)
    decoder = engine.model.decoder
    got = [bursts(engine, FIXED, QUESTION)]
    cached, history = list(decoder.cached), decoder.history
    measuring = engine.measure()
    for step, _ in enumerate(measuring):
        if step == steps:
            break
    measuring.close()
    assert decoder.cached == cached
    assert decoder.history is history
    assert decoder.forward.length == len(cached)
    got.append(bursts(engine, FIXED, *second))
    assert got == expected


def test_what_was_measured_before_a_request_is_kept(engine: Engine) -> None:
    tree = automatic(engine)
    measuring = engine.measure()
    for _ in range(4 * len(SIZES) + 16):
        next(measuring)
    measuring.close()
    assert 2 <= len(tree.grown.times.measured) < len(SIZES)
    for _ in engine.measure():
        pass
    assert tuple(tree.grown.times.measured) == SIZES


def test_no_room_in_the_context_no_measurement(engine: Engine) -> None:
    automatic(engine)
    decoder = engine.model.decoder
    bursts(engine, DecodeSettings(medusa=False, max_new_tokens=460, ignore_eos=True), QUESTION)
    assert len(decoder.cached) > 450
    assert list(engine.measure()) == []


class Slow:
    """An engine that measures for ever, until a request has come."""

    def __init__(self, server: server.Server) -> None:
        self.server = server
        self.steps = 0
        self.closed = False

    def measure(self) -> Generator[None, None, None]:
        try:
            while True:
                self.steps += 1
                if self.steps == 5:
                    self.server._queue.put(Generate(1, (QUESTION,), AUTO))
                assert self.steps <= 5
                yield
        finally:
            self.closed = True


def test_a_request_ends_it_at_once() -> None:
    one = server.Server(io.BytesIO(), io.BytesIO())
    engine = Slow(one)
    request = one._next(engine)  # type: ignore[arg-type]
    assert isinstance(request, Generate)
    assert engine.steps == 5
    assert engine.closed
    # One that waits already is not kept waiting for a step.
    one._queue.put(request)
    engine.steps = 0
    assert one._next(engine) is request  # type: ignore[arg-type]
    assert engine.steps == 0


def test_one_that_fails_is_told_to_the_log_and_not_tried_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Failing(Slow):
        def measure(self) -> Generator[None, None, None]:
            yield
            self.steps += 1
            self.server._queue.put(Generate(1, (QUESTION,), AUTO))
            raise MemoryError("full")

    one = server.Server(io.BytesIO(), io.BytesIO())
    engine = Failing(one)
    one._next(engine)  # type: ignore[arg-type]
    assert "MemoryError: full" in capsys.readouterr().err
    one._queue.put(Generate(2, (QUESTION,), AUTO))
    one._next(engine)  # type: ignore[arg-type]
    assert engine.steps == 1


def test_what_trees_bring_is_known_before_the_first_reply(engine: Engine) -> None:
    tree = automatic(engine)
    guessed = list(tree.grown._sizer.accepted)
    for _ in engine.measure():
        pass
    known = tree.grown.beliefs.known
    assert known[SIZES[-1]].steps >= 40
    assert tuple(known) == SIZES[1:]
    engine.forget()
    believed = tree.grown._sizer.accepted
    assert believed != guessed
    assert believed[1:] == pytest.approx([known[size].tokens for size in SIZES[1:]], rel=0.2)
    assert engine.model.decoder.cached == []
    assert engine.model.decoder.history.length == 0


def test_behind_a_conversation_no_other_one_is_begun(engine: Engine) -> None:
    tree = automatic(engine)
    bursts(engine, FIXED, QUESTION)
    for _ in engine.measure():
        pass
    assert tree.grown.times.missing(SIZES) == []
    assert tree.grown.beliefs.known == {}
