"""The race on the screen: run, shown again, measured, kept, exported, stopped."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from medusa_chat.engine.protocol import Cancel, Finished
from medusa_chat.tui.commands import RACE_COMMANDS
from medusa_chat.tui.race.pane import RacePane
from medusa_chat.tui.screens.race import RaceScreen
from medusa_chat.tui.widgets.reply import Reply

from .driving import chat, contents, saved, shown
from .racing import asked, at_the_card, race, ready, until_on
from .scripted_engine import ScriptedEngine, figures_of

if TYPE_CHECKING:
    from pathlib import Path


WORDS = tuple((f"word{number} ", "more ") for number in range(40))


@pytest.mark.parametrize("key", ["f8", "ctrl+g"])
async def test_the_last_prompt_is_answered_by_both_alike(key: str) -> None:
    async with chat(ScriptedEngine(bursts=WORDS)) as c:
        await asked(c)
        screen = await race(c, key)
        await at_the_card(c, screen)
        plain, medusa = c.engine.generates[1:]
        assert (plain.measured, medusa.measured) == (True, True)
        assert (plain.settings.medusa, medusa.settings.medusa) == (False, True)
        assert plain.settings.seed is not None
        assert dataclasses.replace(plain.settings, medusa=True) == medusa.settings
        assert contents(plain) == contents(medusa) == [("user", "Hello")]
        card = shown(screen)
        assert "Medusa was 2.00× as fast as plain decoding" in card
        assert "the same, all 80 tokens" in card
        assert "plain first" in card
        # A reply that was asked for is no race.
        assert not c.engine.generates[0].measured


async def test_the_ratio_is_the_speed_up_and_the_chat_says_it() -> None:
    async with chat(ScriptedEngine(bursts=WORDS), size=(120, 40)) as c:
        await asked(c)
        screen = await race(c)
        await at_the_card(c, screen)
        await c.pilot.press("escape")
        await c.until_shown("Race: Medusa was 2.00× as fast", "100 tok/s against 50 tok/s")
        await c.until_shown("2.00×")
        assert c.app.screen is c.screen
        assert c.prompt.has_focus


@pytest.mark.parametrize(("plain_steps", "counts"), [(79, True), (20, False)])
async def test_a_race_on_a_busy_machine_does_not_count(plain_steps: int, *, counts: bool) -> None:
    async with chat(ScriptedEngine(bursts=WORDS, answer_by_itself=False)) as c:
        await ready(c)
        c.prompt.insert("Hi")
        screen = await race(c)
        for side, passes in enumerate((plain_steps, 39)):
            await c.until(lambda: len(c.engine.generates) == side + 1)  # noqa: B023
            request = c.engine.generates[side]
            c.engine.start(request)
            figures = figures_of(WORDS, 100.0 if side else 50.0)
            figures = dataclasses.replace(figures, passes=passes)
            c.engine.emit(Finished(request.reply_id, "eos", figures))
        await at_the_card(c, screen)
        assert ("does not count" in shown(screen)) is not counts
        assert (c.screen._comparison.rates is not None) is counts


async def test_what_stands_in_the_prompt_is_raced_and_stays_there(home: Path) -> None:
    async with chat() as c:
        await asked(c)
        before = saved(home)
        c.prompt.insert("And now?")
        screen = await race(c)
        await at_the_card(c, screen)
        assert [text for _, text in contents(c.engine.generates[-1])] == [
            "Hello",
            "Hello there, friend.",
            "And now?",
        ]
        await c.pilot.press("escape")
        await c.until(lambda: c.app.screen is c.screen)
        assert c.prompt.text == "And now?"
        assert saved(home) == before


async def test_files_that_are_mentioned_go_along(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("Roses are red.")
    async with chat() as c:
        c.prompt.insert("What is @poem.txt?")
        screen = await race(c)
        await at_the_card(c, screen)
        assert "Roses are red." in contents(c.engine.generates[0])[0][1]
        assert "What is @poem.txt?" in shown(screen)
        assert "Roses" not in str(screen._heading.visual)
        await c.pilot.press("p", "escape")
        await c.until(lambda: c.app.screen is c.screen)
        assert c.prompt.text == ""
        assert "Roses are red." in c.screen._dialogue.chat.path[0].content


async def test_a_file_that_is_not_there() -> None:
    async with chat() as c:
        await ready(c)
        c.prompt.insert("What is @poems/nowhere.txt?")
        await c.pilot.press("f8")
        await c.until_shown("There is no file")
        assert c.engine.generates == []
        assert c.app.screen is c.screen


async def test_a_prompt_by_its_command() -> None:
    async with chat() as c:
        await ready(c)
        await c.send("/race Once more")
        await c.until(lambda: len(c.engine.generates) == 2)
        assert contents(c.engine.generates[0]) == [("user", "Once more")]


async def test_sides_take_turns_in_going_first() -> None:
    async with chat() as c:
        await asked(c)
        for _ in range(2):
            screen = await race(c)
            await at_the_card(c, screen)
            await c.pilot.press("escape")
            await c.until(lambda: c.app.screen is c.screen)
        order = [request.settings.medusa for request in c.engine.generates[1:]]
        assert order == [False, True, True, False]


async def test_a_side_is_kept_as_a_reply_with_its_figures(home: Path) -> None:
    async with chat() as c:
        c.prompt.insert("And now?")
        screen = await race(c)
        await at_the_card(c, screen)
        await c.pilot.press("m", "m", "p")
        await c.pilot.press("escape")
        await c.until_shown("And now?")
        assert c.prompt.text == ""
        prompt = c.screen._dialogue.chat.path[0]
        plain = c.screen._dialogue.chat.path[1]
        assert saved(home) == [
            ("user", "And now?", None),
            ("assistant", "Hello there, friend.", "eos"),
        ]
        siblings = c.screen._dialogue.chat.siblings(plain)
        recipes = [one.recipe for one in siblings]
        assert [recipe.mode if recipe else "" for recipe in recipes] == ["medusa", "plain"]
        assert all(one.parent == prompt.id for one in siblings)
        assert siblings[0].outcome is not None
        assert siblings[0].outcome.figures["tokens_per_second"] == pytest.approx(100)
        assert plain is siblings[1]
        # The chat goes on from the one that was kept last.
        await c.send("Go on")
        await c.until(lambda: len(c.engine.generates) == 3)
        assert [text for _, text in contents(c.engine.generates[-1])] == [
            "And now?",
            "Hello there, friend.",
            "Go on",
        ]


async def test_a_side_that_is_kept_still_has_its_bursts_and_its_trees() -> None:
    async with chat() as c:
        c.prompt.insert("And now?")
        screen = await race(c)
        await at_the_card(c, screen)
        await c.pilot.press("m", "escape")
        await c.until(lambda: c.app.screen is c.screen)
        await c.until(lambda: list(c.screen.query(Reply)))
        text = c.screen.query_one(Reply).text
        assert text.reply_id == c.engine.generates[1].reply_id
        marked = [run.style for run in text.runs(0, len(text.text), "bursts")]
        assert len(set(marked)) > 2


async def test_a_reply_that_was_there_stays_beside_the_one_kept() -> None:
    async with chat() as c:
        await asked(c)
        screen = await race(c)
        await at_the_card(c, screen)
        await c.pilot.press("p", "escape")
        await c.until(lambda: c.app.screen is c.screen)
        path = c.screen._dialogue.chat.path
        assert len(path) == 2
        assert len(c.screen._dialogue.chat.siblings(path[1])) == 2
        await c.until_shown("50 tok/s", "Medusa off")


async def test_it_is_shown_live(home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False), size=(120, 40)) as c:
        await ready(c)
        c.prompt.insert("Hi")
        screen = await race(c)
        await until_on(c, screen, "warming up", "waits for its turn")
        (plain,) = c.engine.generates
        c.engine.start(plain)
        c.engine.write(plain, (("Once", " upon"), (" a",)))
        await until_on(c, screen, "Once upon a", "running", "50 tok/s", "3 tokens")
        await c.pilot.press("space", "e", "p", "x")
        assert screen._clock is None
        c.engine.finish(plain)
        await c.until(lambda: len(c.engine.generates) == 2)
        await until_on(c, screen, "done", "Medusa now")
        assert c.screen._dialogue.answer is None
    assert not any(home.parent.glob("*.svg"))


@pytest.mark.parametrize("sides", [0, 1])
async def test_escape_stops_it_and_nothing_is_kept(sides: int, home: Path) -> None:
    async with chat(ScriptedEngine(bursts=WORDS, answer_by_itself=False), size=(120, 40)) as c:
        await ready(c)
        c.prompt.insert("Hi")
        await race(c)
        for side in range(sides):
            c.engine.start(c.engine.generates[side])
            c.engine.write(c.engine.generates[side], WORDS)
            c.engine.finish(c.engine.generates[side])
            await c.until(lambda: len(c.engine.generates) == sides + 1)
        running = c.engine.generates[-1]
        c.engine.start(running)
        c.engine.write(running, WORDS[:4])
        await c.pilot.press("escape")
        await c.until_shown("The race was stopped: nothing of it is kept.")
        assert c.engine.requests[-1] == Cancel(running.reply_id)
        assert c.screen._comparison.rates is None
        assert "Race:" not in c.everything
        # The engine is free again: what stood in the prompt is asked as ever.
        await c.pilot.press("enter")
        await c.until(lambda: len(c.engine.generates) == sides + 2)
        assert not c.engine.generates[-1].measured


async def test_replay_is_paused_sped_up_skipped_and_begun_again() -> None:
    async with chat(ScriptedEngine(bursts=WORDS, answer_by_itself=False), size=(120, 40)) as c:
        await ready(c)
        c.prompt.insert("Hi")
        screen = await race(c)
        now = 100.0
        screen._now = lambda: now
        for side in range(2):
            await c.until(lambda: len(c.engine.generates) == side + 1)  # noqa: B023
            request = c.engine.generates[side]
            c.engine.start(request)
            c.engine.write(request, WORDS[:10])
            c.engine.write(request, WORDS[10:])
            c.engine.finish(request)
        await until_on(c, screen, "replay 0.0 of 1.8 s · 1× speed")
        assert "word0" not in shown(screen)
        now += 0.6
        await until_on(c, screen, "replay 0.6 of 1.8 s", "word0")
        await c.pilot.press("space")
        now += 50
        await until_on(c, screen, "paused at 0.6")
        await c.pilot.press("space", "f", "f")
        now += 0.1
        await until_on(c, screen, "replay 1.0 of 1.8 s · 4× speed")
        await c.pilot.press("s", "s", "s")
        await until_on(c, screen, "1.0 of 1.8 s · 0.5× speed")
        await c.pilot.press("e")
        await until_on(c, screen, "Space: again", "Medusa was 2.00×", "word39")
        await c.pilot.press("c")
        await c.until(lambda: "Medusa was 2.00×" not in shown_parts(screen))
        await c.pilot.press("space")
        await until_on(c, screen, "replay 0.0 of 1.8 s")
        await c.until(lambda: "word0" not in shown(screen))


def shown_parts(screen: RaceScreen) -> str:
    """Return what is on the screen, parts inside of what is hidden left out."""
    return "" if screen.query_one("#race-card").display else shown(screen.query_one("#race-panes"))


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 16)])
async def test_panes_stand_side_by_side_or_under_one_another(size: tuple[int, int]) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False), size=size) as c:
        await ready(c)
        c.prompt.insert("Hi")
        screen = await race(c)
        plain, medusa = screen.query(RacePane)
        await c.until(lambda: plain.region.height and medusa.region.height)
        if size[0] < 70:
            assert plain.region.x == medusa.region.x
            assert plain.region.bottom <= medusa.region.y
        else:
            assert plain.region.y == medusa.region.y
            assert plain.region.right <= medusa.region.x
        assert min(plain.region.height, medusa.region.height) >= 6
        c.engine.answer_by_itself = True
        for _ in range(2):
            request = c.engine.generates[-1]
            if not screen._contest.is_running:
                break
            c.engine.start(request)
            c.engine.write(request, WORDS)
            c.engine.finish(request)
            await c.until(lambda: not screen._contest.is_running)
        await at_the_card(c, screen)
        card = screen.query_one("#race-card")
        await c.until(lambda: card.region.height)
        assert plain.display
        # Where both have no room, the card has it all.
        panes = screen.query_one("#race-panes")
        assert panes.display == (size[1] >= 34)


async def test_the_card_is_exported(tmp_path: Path) -> None:
    async with chat() as c:
        await asked(c)
        screen = await race(c)
        await at_the_card(c, screen)
        await c.pilot.press("x")
        await c.until(lambda: "Exported to" in str(list(c.app._notifications)))
    (document,) = tmp_path.glob("*-race-hello.md")
    (picture,) = tmp_path.glob("*-race-hello.svg")
    assert "2.00×" in document.read_text("utf-8")
    assert "2.00×" in picture.read_text("utf-8")


async def test_no_folder_for_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    async with chat() as c:
        await asked(c)
        screen = await race(c)
        await at_the_card(c, screen)
        monkeypatch.setattr("pathlib.Path.open", _refuse)
        await c.pilot.press("x")
        await c.until(lambda: "could not be exported" in str(list(c.app._notifications)))


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


async def test_help_lists_its_keys() -> None:
    async with chat(size=(120, 40)) as c:
        await asked(c)
        screen = await race(c)
        await at_the_card(c, screen)
        await c.pilot.press("f1")
        await c.until(lambda: c.app.screen is not screen)
        text = shown(c.app.screen)
        for command in RACE_COMMANDS:
            assert command.does in text
        await c.pilot.press("escape")
        assert c.app.screen is screen
