"""Options of ``medusa-chat bench`` that a suite does not take are refused, and help offers none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_args

import pytest
from command_line import Call

from medusa_chat.arguments import parser
from medusa_chat.benchmark import arguments as bench_arguments
from medusa_chat.benchmark.settings import Suite
from medusa_chat.benchmark.suite_options import SUITES_OF, check_options
from medusa_chat.errors import UsageError

OPTIONS = (
    ("--model", "m"),
    ("--load-in-4bit",),
    ("--heads-in-8bit",),
    ("--device", "cpu"),
    ("--context", "64"),
    ("--shape", "builtin"),
    ("--forward", "stock"),
    ("--repeat", "1"),
    ("--prompts", "p.jsonl"),
    ("--per-category", "1"),
    ("--modes", "plain"),
    ("--peers", "transformers"),
    ("--prefix", "8"),
    ("--text", "t.txt"),
    ("--against", "m"),
    ("--output", "out"),
    ("--stop", "x"),
    ("--temperature", "0"),
    ("--max-new-tokens", "8"),
    ("--medusa",),
    ("--tree-size", "8"),
    ("--acceptance", "typical"),
)
BY_SUITE = {
    "chat": {"--prefix", "--text", "--against", "--output"},
    "steps": {
        *("--prompts", "--per-category", "--modes", "--peers", "--text", "--against", "--output"),
        *("--stop", "--temperature", "--max-new-tokens", "--medusa", "--tree-size"),
        "--acceptance",
    },
    "replay": {
        *("--repeat", "--modes", "--peers", "--prefix", "--text", "--against", "--output"),
        *("--medusa", "--tree-size", "--acceptance"),
    },
    "quality": {"--repeat", "--peers", "--prefix", "--shape"},
    "gpu": {option for option, *_ in OPTIONS},
}


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
@pytest.mark.parametrize("suite", BY_SUITE)
def test_what_a_suite_does_not_take_is_refused(suite: str, options: Sequence[str]) -> None:
    arguments = parser().parse_args(["bench", "--suite", suite, *options])
    option = options[0]
    if option not in BY_SUITE[suite]:
        bench_arguments.from_namespace(arguments)
        return
    with pytest.raises(UsageError) as error:
        bench_arguments.from_namespace(arguments)
    takers = [name for name, refused in BY_SUITE.items() if option not in refused]
    *others, last = takers
    words = f"{', '.join(others)} or {last}" if others else last
    assert str(error.value) == (
        f"{option} is for --suite {words}, and this is --suite {suite}: leave out {option}, "
        "or take another suite."
    )


def test_every_option_is_of_some_suites() -> None:
    # What is set where nothing was given cannot be told from what was.
    plain = parser().parse_args(["bench"])
    assert vars(plain) == {"command": "bench", "suite": "chat"}
    known = {*SUITES_OF, *bench_arguments.UNFIT, "suite", "json"}
    shared = {"help", "version", "continue", "ephemeral", "theme", "command"}
    whole = parser()
    (commands,) = (one for one in whole._actions if one.dest == "command")
    assert isinstance(commands.choices, dict)
    offered = {one.dest for one in (*whole._actions, *commands.choices["bench"]._actions)}
    assert offered - shared == known
    assert {suite for suites in SUITES_OF.values() for suite in suites} < {*get_args(Suite)}


def test_an_option_before_the_command_is_one_too(call: Call) -> None:
    said = call("--model", "m", "bench", "--suite", "gpu").said(2)
    assert "--model is for --suite chat, steps, replay or quality" in said


def test_options_by_which_weights_are_kept_are_named_as_they_are_written() -> None:
    with pytest.raises(UsageError, match=r"^--load-in-fp8 is for"):
        check_options("gpu", {"quantization": "fp8"})


def test_help_offers_what_it_takes(call: Call) -> None:
    usage = call("bench", "--help").out.partition("\n\n")[0]
    offered = set(re.findall(r"--[a-z0-9-]+", usage))
    assert {"--modes", "--tree-size"} <= offered
    assert not offered & {f"--{name.replace('_', '-')}" for name in bench_arguments.UNFIT}
