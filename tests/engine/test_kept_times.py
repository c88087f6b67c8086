"""What an engine keeps of its steps while others use the same model."""

from __future__ import annotations

from dataclasses import replace

from untried_engine import engine as engine

from medusa_chat.decoding.automatic_tree import AutomaticTree
from medusa_chat.decoding.experience import Acceptance, Experience, KindExperience
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.settings import DecodeSettings

SETTINGS = DecodeSettings(temperature=0, max_new_tokens=60, ignore_eos=True)
SIZES = (1, 2, 4, 6, 8, 12, 16)
TUNED = KindExperience(
    dict.fromkeys(SIZES, 0.5), {size: Acceptance(1.5, 200) for size in SIZES[1:]}
)
PATHS = [[0], [0, 0], [1]]


def beside(engine: Engine) -> Engine:
    """Return the engine of another process, with the same model."""
    other = Engine()
    other.adopt(engine.model)
    return other


def automatic(engine: Engine) -> AutomaticTree:
    shape = engine.choose_tree(SETTINGS).shape
    assert isinstance(shape, AutomaticTree)
    return shape


def reply(engine: Engine) -> None:
    engine.forget()
    for _ in engine.answer((ChatMessage("user", "Hello"),), SETTINGS).run(lambda: False):
        pass
    engine.keep_times()


def test_an_open_chat_leaves_what_tuning_found_and_the_next_one_begins_with_it(
    engine: Engine,
) -> None:
    automatic(engine)
    reply(engine)
    beside(engine).learn(SETTINGS, Experience(TUNED, TUNED, PATHS))
    reply(engine)
    begun = automatic(beside(engine)).experience()
    assert begun.tuning
    assert replace(begun, tuning="") == Experience(TUNED, TUNED, PATHS)


def test_a_chat_that_began_with_a_tuning_adds_to_it(engine: Engine) -> None:
    beside(engine).learn(SETTINGS, Experience(TUNED, TUNED, PATHS))
    tuning = automatic(engine).tuning
    reply(engine)
    begun = automatic(beside(engine)).experience()
    assert begun.tuning == tuning
    assert begun.paths == PATHS
    kinds = (begun.grown, begun.searched)
    assert max(one.steps for kind in kinds for one in kind.accepted.values()) > 200


def test_every_tuning_replaces_the_one_before(engine: Engine) -> None:
    beside(engine).learn(SETTINGS, Experience(TUNED, TUNED, PATHS))
    reply(engine)
    beside(engine).learn(SETTINGS, Experience(TUNED))
    reply(engine)
    begun = automatic(beside(engine)).experience()
    assert replace(begun, tuning="") == Experience(TUNED)
