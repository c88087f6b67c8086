"""What a figure was measured on."""

from __future__ import annotations

import shlex

import torch

from medusa_chat import __version__
from medusa_chat.benchmark.machine import command_line, describe
from medusa_chat.benchmark.report import machine_words


def test_a_cpu() -> None:
    machine = describe(torch.device("cpu"))
    assert machine.device == "CPU"
    assert machine.processor
    assert machine.cores >= 1
    assert machine.threads == torch.get_num_threads()
    assert machine.versions["medusa-chat"] == __version__
    assert torch.__version__.startswith(machine.versions["torch"].partition("+")[0])
    words = machine_words(machine, 34.5e9)
    assert machine.processor in words
    assert "copying 34.5 GB/s" in words
    assert "\n" not in words


def test_the_command_can_be_given_again() -> None:
    given = ["bench", "--prompts", "my file.jsonl"]
    assert shlex.split(command_line(given)) == ["medusa-chat", *given]
