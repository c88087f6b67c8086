"""The trees of a reply: which step is shown, what of it, and what is said where there is none."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

import pytest
from rich.cells import cell_len
from textual.widgets import Static

from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import CheckedStep, RecordedSteps, Steps
from medusa_chat.tui.screens.trees import TreesScreen
from medusa_chat.tui.step_book import StepBook
from medusa_chat.tui.tree_rows import tree_rows

from .driving import SIZES, Chat, begin_reply, chat
from .scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from textual.content import Content

    from medusa_chat.engine.protocol import Request

STEP = CheckedStep(
    parents=(0, 0, 0, 1, 1, 3),
    texts=("Hello", " there", " you", ",", "\n", " 漢字"),
    sources="RHBLHB",
    weights=(1.0, 0.62, 0.2, 0.41, 0.003, 0.1),
    accepted=(0, 1, 3),
    next_text=" friend",
    seconds=0.0061,
)
PLAIN = CheckedStep((0,), (" a",), "R", (1.0,), (0,), " b", 0.003)
FULL = dataclasses.replace(STEP, accepted=(0, 1, 3, 5))
FAILED = dataclasses.replace(STEP, accepted=(0,))
STEPS = (STEP, PLAIN, FAILED, FULL, STEP)


@dataclasses.dataclass
class Recording(ScriptedEngine):
    """A scripted engine that keeps these steps of every reply."""

    steps: tuple[CheckedStep, ...] = STEPS
    kept: bool = True
    answers_steps: bool = True

    def send(self, request: Request) -> None:
        super().send(request)
        if isinstance(request, Steps) and self.answers_steps:
            self.emit(told(request, self.steps, kept=self.kept))


def told(request: Steps, steps: tuple[CheckedStep, ...], *, kept: bool = True) -> RecordedSteps:
    if not kept:
        return RecordedSteps(request.reply_id, is_known=False)
    outcomes = steps[request.known :]
    return RecordedSteps(
        reply_id=request.reply_id,
        is_known=True,
        count=len(steps),
        known=request.known,
        accepted=tuple(len(step.accepted) for step in outcomes),
        depths=tuple(0 if len(step.parents) == 1 else 3 for step in outcomes),
        first=request.first,
        steps=steps[request.first : request.first + request.count],
    )


def shown(c: Chat) -> str:
    screen = cast("TreesScreen", c.app.screen)
    names = ("heading", "tree", "text", "histogram")
    return "\n".join(str(screen.query_one(f"#trees-{name}", Static).visual) for name in names)


async def open_trees(c: Chat, text: str = "Step 1 of") -> None:
    await c.until_shown("builtin · float32 · cpu")
    await c.send("Hello")
    await c.until_shown("tok/s")
    await c.pilot.press("alt+t")
    await until(c, text)


async def until(c: Chat, text: str) -> None:
    await c.until(lambda: isinstance(c.app.screen, TreesScreen) and text in shown(c))


# The rows ----------------------------------------------------------------------------------------


def test_a_tree_is_drawn_with_chances_sources_and_marks() -> None:
    rows = tree_rows(STEP, 60)[0].plain.split("\n")
    assert rows[0].split() == ["token", "from", "here", "path"]
    assert rows[1].split() == ["●", "'Hello'", "root"]
    assert rows[2].startswith("┣━● ' there'")
    assert rows[2].split()[-3:] == ["head", "62%", "62%"]
    assert rows[3].startswith("│ ┣━● ','")
    assert rows[3].split()[-3:] == ["lookup", "66%", "41%"]
    assert rows[4].split() == ["│", "│", "┣━→", "'", "friend'", "model"]
    assert rows[5].split()[-4:] == ["漢字'", "bigram", "24%", "10%"]
    assert rows[6].split() == ["│", "└─○", "'\\n'", "head", "<1%", "<1%"]
    assert rows[7].startswith("└─○ ' you'")
    assert tree_rows(STEP, 60)[1] == 3


@pytest.mark.parametrize("width", [24, 33, 43, 60, 110])
def test_rows_are_as_wide_as_there_is_room(width: int) -> None:
    texts = ("a" * 200, "漢" * 90, "\x1b[2J\u202e", "🙂" * 60, "[b]x[/b]", "")
    rows = tree_rows(dataclasses.replace(STEP, texts=texts), width)[0].plain.split("\n")
    assert {cell_len(row) for row in rows} == {width}


def test_control_characters_are_spelt_out_and_markup_is_text() -> None:
    texts = ("\x1b[31m", "\u202eabc", "[bold]x", "\ud800", "\t", "\xa0")
    plain = tree_rows(dataclasses.replace(STEP, texts=texts), 80)[0].plain
    for spelt in (r"\x1b[31m", r"\u202eabc", "[bold]x", r"\ud800", r"\t", r"\xa0"):
        assert spelt in plain
    assert not {"\x1b", "\u202e", "\ud800", "\t"} & set(plain)


def test_chances_that_are_not_known_are_left_out() -> None:
    plain = tree_rows(dataclasses.replace(STEP, weights=()), 60)[0].plain
    assert "%" not in plain


# The book ----------------------------------------------------------------------------------------


def test_trees_are_asked_for_once_and_outcomes_not_again() -> None:
    asked: list[Steps] = []
    book = StepBook(7, asked.append)
    assert book.want(0) is None
    assert book.want(1) is None
    assert len(asked) == 1
    book.take(told(asked[0], STEPS))
    assert book.want(1) == PLAIN
    assert len(asked) == 1
    book.refresh()
    assert asked[-1] == Steps(7, 0, 0, known=5)
    book.take(RecordedSteps(8, is_known=False))
    assert book.is_known is True


def test_full_and_failed_steps_are_found() -> None:
    book = StepBook(7, lambda _: None)
    book.take(told(Steps(7, 0, 9), STEPS))
    assert book.find(0, "full", 1) == 3
    assert book.find(3, "full", 1) is None
    assert book.find(4, "failed", -1) == 2
    # A step without guesses has not failed.
    assert book.find(0, "failed", 1) == 2
    assert book.histogram == {1: 2, 3: 2, 4: 1}


# The screen --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [*SIZES, (60, 16)])
async def test_the_steps_of_a_reply_are_gone_through(size: tuple[int, int]) -> None:
    async with chat(Recording(), size=size) as c:
        await open_trees(c)
        text = shown(c)
        assert "Step 1 of 5 · 3 accepted · 2 of 3 deep right · 6 nodes · 6.1 ms" in text
        assert "' there'" in text
        await c.pilot.press("right")
        await until(c, "Step 2 of 5 · 1 accepted · no guesses: plain · 1 node · 3.0 ms")
        await c.pilot.press("f")
        await until(c, "Step 4 of 5 · 4 accepted · all 3 deep right")
        await c.pilot.press("X")
        await until(c, "Step 3 of 5 · 1 accepted · no guess right")
        await c.pilot.press("end", "right")
        await until(c, "Step 5 of 5")
        await c.pilot.press("x")
        await c.pilot.press("home")
        await until(c, "Step 1 of 5")
        await c.pilot.press("escape")
        assert c.app.screen is c.screen


async def test_the_text_marks_the_burst_of_the_step() -> None:
    async with chat(Recording()) as c:
        await open_trees(c)
        marked = [
            span
            for span in cast("Content", c.app.screen.query_one("#trees-text", Static).visual).spans
            if "reverse" in str(span.style)
        ]
        plain = str(c.app.screen.query_one("#trees-text", Static).visual)
        assert [plain[span.start : span.end] for span in marked] == ["Hello there,"]


async def test_t_opens_the_trees_where_a_reply_is_chosen_and_is_a_letter_elsewhere() -> None:
    async with chat(Recording()) as c:
        await c.until_shown("builtin · float32 · cpu")
        await c.pilot.press("t")
        assert c.prompt.text == "t"
        await c.pilot.press("enter")
        await c.until_shown("tok/s")
        await c.pilot.press("alt+up", "x", "t")
        assert c.prompt.text == "xt"
        await c.pilot.press("backspace", "backspace", "alt+up", "t")
        await until(c, "Step 1 of 5")


async def test_without_a_reply_there_are_no_trees() -> None:
    async with chat(Recording()) as c:
        await c.pilot.press("alt+t")
        await c.until_shown("There is no reply yet whose trees could be shown.")


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (Recording(kept=False), "not kept any more"),
        (Recording(steps=()), "There is no step in this reply"),
        (Recording(answers_steps=False), "Asking the engine"),
    ],
)
async def test_what_is_not_there_is_said(engine: Recording, words: str) -> None:
    async with chat(engine) as c:
        await open_trees(c, words)


async def test_a_reply_that_is_being_written_is_followed() -> None:
    engine = Recording(answer_by_itself=False)
    async with chat(engine) as c:
        request = await begin_reply(c)
        await c.pilot.press("alt+t")
        await until(c, "Step 1 of 5, and more to come")
        engine.steps = STEPS * 2
        await until(c, "Step 1 of 10, and more to come")
        engine.finish(request)
        await until(c, "Step 1 of 10 · ")


async def test_the_newest_step_is_stayed_with_after_end() -> None:
    engine = Recording(answer_by_itself=False)
    async with chat(engine) as c:
        await begin_reply(c)
        await c.pilot.press("alt+t")
        await until(c, "Step 1 of 5, and more to come")
        await c.pilot.press("end")
        await until(c, "Step 5 of 5")
        engine.steps = STEPS * 2
        await until(c, "Step 10 of 10")
        await c.pilot.press("left")
        engine.steps = STEPS * 3
        await until(c, "Step 9 of 15")


async def test_an_engine_that_ends_is_told_of_and_a_new_one_is_asked() -> None:
    engine = Recording(answers_steps=False)
    async with chat(engine, Recording(kept=False)) as c:
        await open_trees(c, "Asking the engine")
        engine.emit(Ended(1))
        await until(c, "The engine does not answer")
        await c.screen.action_restart()
        await until(c, "not kept any more")
