"""Small trainings: settings, data and templates that the tests share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from golden_data import TINY_LLAMA, tiny_llama_tokenizer
from safetensors.torch import load_file, save_file

from medusa_chat.models.chat_format import ChatFormat
from medusa_chat.training.examples import Encoder
from medusa_chat.training.settings import TrainSettings

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def dialogue(*contents: str) -> dict[str, Any]:
    """Return a line of data whose messages are the user's and the assistant's by turns."""
    return {
        "messages": [
            {"role": "assistant" if turn % 2 else "user", "content": content}
            for turn, content in enumerate(contents)
        ]
    }


def write_lines(file: Path, lines: Iterable[object]) -> Path:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return file


def functions(count: int) -> list[dict[str, Any]]:
    """Return dialogues in the manner of what tiny-llama was trained on."""
    return [
        dialogue(
            f"def get_{name}(self):",
            f"    return self._{name}\n",
            f"def set_{name}(self, {name}):",
            f"    self._{name} = {name}\n",
        )
        for name in (f"value{number}" for number in range(count))
    ]


def settings(folder: Path, **options: Any) -> TrainSettings:
    """Return settings of a training of some ten steps, in float32."""
    data = folder / "data.jsonl"
    if "data" not in options and not data.exists():
        write_lines(data, functions(64))
    defaults: dict[str, Any] = {
        "base_model": str(TINY_LLAMA),
        "data": (data,),
        "output": folder / "heads",
        "batch_size": 4,
        "max_length": 128,
        "dtype": "float32",
    }
    return TrainSettings(**(defaults | options))


def enlarge(base: Path, tensor: str) -> None:
    """Make one tensor of the model in ``base`` a little larger, as if it had learnt since."""
    weights = load_file(base / "model.safetensors")
    weights[tensor] *= 1.01
    save_file(weights, base / "model.safetensors", {"format": "pt"})


@cache
def chatml_tokenizer() -> Any:
    """Return tiny-llama's tokenizer with ChatML's template and markers."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TINY_LLAMA)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHATML
    return tokenizer


def encoder(tokenizer: Any = None, max_length: int = 256) -> Encoder:
    tokenizer = tokenizer or tiny_llama_tokenizer()
    return Encoder(tokenizer, ChatFormat(tokenizer, ("tiny",), frozenset({2})), max_length)
