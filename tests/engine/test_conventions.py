"""How a model wants to be spoken to and drawn from, from its files to its replies."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from golden_data import GOLDEN, TINY_LLAMA

from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage, Loaded
from medusa_chat.errors import UsageError
from medusa_chat.models import template_choices
from medusa_chat.settings import DecodeSettings, ModelSettings, SamplingDefaults

HEADS = GOLDEN / "medusa/models/tiny-llama-heads-v01"
QUESTION = [ChatMessage("user", "Tell me about the sea.")]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "home"))


@pytest.fixture
def untold(tmp_path: Path) -> Path:
    """Return a copy of tiny-llama that has no chat template, and no telling name."""
    folder = tmp_path / "some-model"
    shutil.copytree(TINY_LLAMA, folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    for name in ("tokenizer_config.json", "config.json"):
        config = json.loads((folder / name).read_text("utf-8"))
        config.pop("chat_template", None)
        config.pop("_name_or_path", None)
        (folder / name).write_text(json.dumps(config), "utf-8")
    return folder


def load(engine: Engine, model: Path, template: str | None = None) -> Loaded:
    settings = ModelSettings(str(model), template=template)
    return engine.load(settings, lambda _stage, _fraction: None)


def prompt_of(engine: Engine) -> str:
    """Return the text that the model gets for the question."""
    return engine.model.format.render([{"role": "user", "content": "Hi!"}], asks=True)


def test_own_template() -> None:
    assert load(Engine(), TINY_LLAMA).template == "own"


def test_an_unknown_family_is_asked_for_once(untold: Path) -> None:
    engine = Engine()
    loaded = load(engine, untold)
    assert loaded.template == "unknown"
    assert any("--template" in notice and "vicuna" in notice for notice in loaded.notices)
    assert prompt_of(engine) == "<s>User: Hi!\nAssistant:"

    template_choices.remember(str(untold), "zephyr")
    loaded = load(engine, untold)
    assert (loaded.template, loaded.notices) == ("zephyr", ())
    assert prompt_of(engine) == "<s><|user|>\nHi!</s>\n<|assistant|>\n"
    # What is named now comes before what was chosen then.
    assert load(engine, untold, "chatml").template == "chatml"


def test_a_template_that_does_not_exist_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'vicunna' is not known: use vicuna, "):
        load(Engine(), tmp_path / "no-such-folder", "vicunna")


def test_the_authors_sampling_is_told(untold: Path) -> None:
    config = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "repetition_penalty": 1.2}
    (untold / "generation_config.json").write_text(json.dumps(config), "utf-8")
    defaults = load(Engine(), untold).defaults
    assert defaults == SamplingDefaults(0.6, 0.9, None, 1.2)


def test_a_reply_begins_with_what_the_template_has_written_of_it(untold: Path) -> None:
    engine = Engine()
    template = "{% for m in messages %}{{ m['content'] }}{% endfor %}{{ '<think>\\n' }}"
    (untold / "chat_template.jinja").write_text(template, "utf-8")
    load(engine, untold)
    settings = DecodeSettings(max_new_tokens=5, seed=1, ignore_eos=True)
    for raw, opening in ((False, "<think>\n"), (True, "")):
        answer = engine.answer(QUESTION, dataclasses.replace(settings, raw=raw))
        emissions = [one for step in answer.run(lambda: False) for one in step]
        text = "".join(one.text for one in emissions)
        decoded = engine.model.format.decode(answer.decoding.output.token_ids)
        assert text == opening + decoded
        assert sum(one.tokens for one in emissions) == 5


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_penalised_reply_is_the_same_with_medusa_on_and_off(temperature: float) -> None:
    engine = Engine()
    load(engine, HEADS)
    replies = {}
    for penalty in (1.0, 1.3):
        for medusa in (True, False):
            settings = DecodeSettings(
                medusa=medusa,
                temperature=temperature,
                repetition_penalty=penalty,
                seed=3,
                max_new_tokens=48,
                ignore_eos=True,
            )
            engine.forget()
            answer = engine.answer(QUESTION, settings)
            for _ in answer.run(lambda: False):
                pass
            replies[penalty, medusa] = answer.decoding.output.token_ids
    assert replies[1.0, True] == replies[1.0, False]
    assert replies[1.3, True] == replies[1.3, False]
    assert replies[1.0, True] != replies[1.3, True]
