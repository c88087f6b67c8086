"""Answers in batches are those that the engine gives one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from command_line import HEADS
from tiny_models import save_base

from medusa_chat.distillation.batch_size import batch_size
from medusa_chat.distillation.batched_writer import BatchedWriter
from medusa_chat.distillation.dialogues import Dialogue, Turn
from medusa_chat.distillation.engine_writer import EngineWriter
from medusa_chat.distillation.writer import InterruptedWritingError, Question, Reply
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import ModelError
from medusa_chat.models.loader import LoadedModel
from medusa_chat.settings import DecodeSettings, ModelSettings

PROMPTS = (
    "def close(self):",
    "def read(self, size):",
    "class File:\n    def __init__(self, name, mode='r'):\n        self.name = name\n",
    "import os",
    "x",
    "for line in lines:\n    print(line)",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    threads = torch.get_num_threads()
    engine = Engine()
    engine.load(ModelSettings(HEADS), _silent)
    yield engine
    torch.set_num_threads(threads)


def questions(*temperatures: float) -> list[Question]:
    return [
        Question((ChatMessage("user", prompt),), temperature, 40 + at)
        for at, prompt in enumerate(PROMPTS)
        for temperature in temperatures
    ]


def going_on() -> bool:
    return False


def _silent(_stage: str, _done: float | None) -> None:
    """Report to nobody."""


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"top_p": 0.8},
        {"top_k": 5, "top_p": 0.9},
        {"stop": ("self", "\n\n")},
    ],
)
def test_answers_are_the_engines(engine: Engine, options: dict[str, Any]) -> None:
    decode = DecodeSettings(max_new_tokens=40, seed=0, **options)
    asked = questions(0.0, 0.7, 1.3)
    batched = BatchedWriter(engine.model, decode, 7).replies(asked, going_on)
    alone = EngineWriter(engine, decode).replies(asked, going_on)
    assert [one.text for one in batched] == [one.text for one in alone]
    assert batched == alone
    if "stop" in options:
        assert {one.end for one in alone} == {"end", "truncated"}
        assert not any("self" in one.text for one in alone)


@pytest.mark.parametrize(
    ("model_type", "options"),
    [
        ("gpt2", {"n_positions": 96, "n_embd": 64, "n_layer": 2, "n_head": 4}),
        ("gemma3_text", {"head_dim": 16, "sliding_window": 96}),
    ],
)
def test_of_other_families_too(model_type: str, options: dict[str, Any], tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    other = Engine()
    other.load(ModelSettings(str(save_base(tmp_path, model_type, **options))), _silent)
    decode = DecodeSettings(max_new_tokens=70, seed=0)
    writer = BatchedWriter(other.model, decode, 9)
    assert writer.padding_defect() is None
    asked = questions(0.0, 0.9)
    replies = writer.replies(asked, going_on)
    # To the end of the context, which is the attention's window.
    assert any(one.tokens < 70 for one in replies)
    assert replies == EngineWriter(other, decode).replies(asked, going_on)
    torch.set_num_threads(threads)


def test_an_answer_depends_on_nothing_beside_it(engine: Engine) -> None:
    decode = DecodeSettings(max_new_tokens=24, seed=0)
    asked = questions(0.9)
    writer = BatchedWriter(engine.model, decode, 6)
    together = writer.replies(asked, going_on)
    assert writer.replies(asked[::-1], going_on)[::-1] == together
    assert BatchedWriter(engine.model, decode, 2).replies(asked[2:3], going_on) == together[2:3]


def test_what_has_no_room_is_told(engine: Engine) -> None:
    decode = DecodeSettings(max_new_tokens=4, seed=0)
    long = Question((ChatMessage("user", "x y z " * 400),), 0.0, 1)
    first, second = BatchedWriter(engine.model, decode, 2).replies(
        [long, questions(0.0)[0]], going_on
    )
    assert first.end == "no room"
    assert second.tokens
    (alone,) = EngineWriter(engine, decode).replies([long], going_on)
    assert alone.end == "no room"


def test_a_full_context_truncates(engine: Engine) -> None:
    decode = DecodeSettings(max_new_tokens=500, seed=0)
    context = engine.model.decoder.forward.context_tokens
    prompt = ChatMessage("user", "x y z " * 70)
    used = len(engine.encode([prompt], decode))
    asked = [Question((prompt,), 0.0, 1), questions(0.0)[0]]
    replies = BatchedWriter(engine.model, decode, 2).replies(asked, going_on)
    assert replies == EngineWriter(engine, decode).replies(asked, going_on)
    assert replies[0].end == "truncated"
    assert replies[0].tokens == context - used


def test_out_of_memory_it_takes_fewer_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = DecodeSettings(max_new_tokens=8, seed=0)
    asked = questions(0.8)
    expected = BatchedWriter(engine.model, decode, 6).replies(asked, going_on)
    forward, most = BatchedWriter._forward, 2

    def short(writer: BatchedWriter, ids: torch.Tensor, *others: Any) -> torch.Tensor:
        # In the middle of an answer, when a part of it is written.
        if ids.shape[0] > most and ids.shape[1] == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(writer, ids, *others)

    monkeypatch.setattr(BatchedWriter, "_forward", short)
    writer = BatchedWriter(engine.model, decode, 6)
    came: list[int] = []
    assert writer.replies(asked, going_on, lambda at, _: came.append(at)) == expected
    assert sorted(came) == list(range(len(asked)))
    assert writer.at_once == 2
    most = 0
    with pytest.raises(ModelError, match="Not even one answer fits"):
        writer.replies(asked, going_on)


def test_an_answer_comes_when_it_ends(engine: Engine) -> None:
    decode = DecodeSettings(max_new_tokens=40, seed=0, stop=("self", "\n\n"))
    asked = questions(0.0, 0.7, 1.3)
    writer = BatchedWriter(engine.model, decode, len(asked))
    expected = writer.replies(asked, going_on)
    came: dict[int, Reply] = {}
    with pytest.raises(InterruptedWritingError):
        writer.replies(asked, lambda: bool(came), came.__setitem__)
    assert 0 < len(came) < len(asked)
    assert all(expected[at] == reply for at, reply in came.items())


def test_it_stops_when_asked(engine: Engine) -> None:
    asked = iter([False, False, True])
    writer = BatchedWriter(engine.model, DecodeSettings(max_new_tokens=50, seed=0), 6)
    with pytest.raises(InterruptedWritingError):
        writer.replies(questions(0.0), lambda: next(asked))
    with pytest.raises(InterruptedWritingError):
        EngineWriter(engine, DecodeSettings(max_new_tokens=50, seed=0)).replies(
            questions(0.0), lambda: True
        )


def test_a_model_that_padding_disturbs_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = BatchedWriter(engine.model, DecodeSettings(seed=0), 4)
    assert writer.padding_defect() is None
    writer._takes_positions = False  # as where a model counts padding as text
    monkeypatch.setattr(
        type(engine.model.base), "forward", _without_mask(type(engine.model.base).forward)
    )
    defect = writer.padding_defect()
    assert defect is not None
    assert "come out differently" in defect

    def broken(*_arguments: object, **_options: object) -> None:
        raise ValueError("no such cache")

    monkeypatch.setattr(type(engine.model.base), "forward", broken)
    assert writer.padding_defect() == "a first run failed (no such cache)"


def _without_mask(forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(model: Any, attention_mask: object = None, **options: Any) -> Any:
        return forward(model, **options)

    return run


def test_as_many_at_once_as_memory_has_room_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialogues = [Dialogue(0, None, (Turn("a" * 100, "b" * 100), Turn("c" * 50)))]

    def fitting(free: int, **options: Any) -> int:
        memory = type("Memory", (), {"free_bytes": free})
        monkeypatch.setattr("medusa_chat.distillation.batch_size.main_memory", lambda: memory)
        given = {"one_turn": False, "max_new_tokens": 64}
        return batch_size(engine.model, dialogues, **(given | options))

    assert fitting(2**40) == 64
    assert fitting(0) == 1
    config = engine.model.base.config
    kept = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 4
    # 60 tokens of questions, 128 of answers and 32 of the template; the answer's 40 more if kept.
    row = (60 + 128 + 32) * kept + 12 * 512
    assert fitting(2 * 16 * row) == 16
    assert fitting(2 * 16 * row - 2 * row) == 8
    row = (100 + 64 + 32) * kept + 12 * 512
    assert fitting(2 * 16 * row, one_turn=True) == 16
    # No row is longer than the context.
    row = engine.model.decoder.forward.context_tokens * kept + 12 * 512
    assert fitting(2 * 4 * row, max_new_tokens=10_000) == 4


def test_on_a_gpu_its_free_memory_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zephyr's shape in bfloat16, beside which 40 GB are free."""
    config = SimpleNamespace(
        num_attention_heads=32, num_key_value_heads=8, hidden_size=4096, num_hidden_layers=32
    )
    device = torch.device("cuda", 1)
    base = SimpleNamespace(
        config=SimpleNamespace(get_text_config=lambda: config),
        dtype=torch.bfloat16,
        get_input_embeddings=lambda: SimpleNamespace(weight=SimpleNamespace(device=device)),
    )
    forward = SimpleNamespace(context_tokens=8192, vocabulary=32000)
    model = SimpleNamespace(base=base, decoder=SimpleNamespace(forward=forward))
    asked = []

    def free(device: torch.device) -> tuple[int, int]:
        asked.append(device)
        return 40 * 10**9, 80 * 10**9

    monkeypatch.setattr("torch.cuda.mem_get_info", free)
    # 2,000 characters and 512 new tokens: 1,344 tokens of 131,072 bytes each, twice.
    dialogues = [Dialogue(0, None, (Turn("a" * 2000),))]
    size = batch_size(cast(LoadedModel, model), dialogues, one_turn=True, max_new_tokens=512)
    assert size == 64
    assert asked == [device]
