"""How whole steps are timed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from command_line import HEADS

from medusa_chat.decoding.decoder import Decoder, Decoding
from medusa_chat.decoding.replay import log_reply
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.engine.local import Engine
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.tuning.candidates import candidates_for
from medusa_chat.tuning.measurement import time_candidates


def test_prompts_that_fill_the_context_leave_room_for_the_steps_that_are_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine()
    engine.load(ModelSettings(HEADS), lambda _stage, _fraction: None)
    model = engine.model
    prompt = [3 + place % 500 for place in range(512 - 2)]
    log = log_reply(model.decoder, prompt, heads=4, tokens=2, sampling=Sampling())
    begun: list[Sequence[int]] = []
    start = Decoder.start

    def counted(decoder: Decoder, prompt: Sequence[int], *rest: Any) -> Decoding:
        begun.append(prompt)
        assert len(begun) < 9, "it takes no more time than that of a few prompts"
        return start(decoder, prompt, *rest)

    monkeypatch.setattr(Decoder, "start", counted)
    seconds = time_candidates(
        model.decoder,
        [log],
        candidates_for(model, DecodeSettings(temperature=0), [[0.5, 0.2]] * 4),
        rounds=1,
        learns=True,
        cancelled=lambda: False,
        report=lambda _words, _fraction: None,
    )
    assert seconds is not None
    assert min(seconds.values()) > 0
    assert all(list(one) == prompt[: 512 - 128] for one in begun)
