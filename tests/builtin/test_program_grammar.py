"""Two questions about the program in one message: both are answered, in the order asked."""

from __future__ import annotations

import importlib
import random
from typing import Any


def test_both_questions_are_answered_by_what_each_says_alone() -> None:
    module: Any = importlib.import_module("grammar.program_two")
    answers = {side["a"] for side in module._SIDES.values()}
    whole = answers | {f"{one} {other}" for one in answers for other in answers}
    rng = random.Random(0)
    for _ in range(300):
        asked, answered = module.two_parts(rng)
        assert answered["content"] in whole
        assert "{" not in asked["content"]


def test_a_question_that_needs_another_one_never_comes_first() -> None:
    module: Any = importlib.import_module("grammar.program_two")
    for first, second in module._PAIRS:
        assert not module._SIDES[first].get("behind")
        assert second in module._SIDES
