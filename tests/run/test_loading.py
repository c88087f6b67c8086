"""A model fetched, loaded, and what its user is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden_data import TINY_LLAMA

from medusa_chat.errors import ModelError
from medusa_chat.run.loading import engine_with
from medusa_chat.settings import ModelSettings


def test_notices_are_told_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The whole of it is more than the model was made for, which is a notice of loading.
    settings = ModelSettings(str(TINY_LLAMA), context_tokens=1_000_000)
    engine, loaded = engine_with(settings)
    (notice,) = loaded.notices
    assert engine.has_model
    assert capsys.readouterr().err == f"{notice}\n"
    monkeypatch.setattr("medusa_chat.run.loading.fetch_missing", lambda _: (notice,))
    engine_with(settings)
    assert capsys.readouterr().err == ""


def test_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        engine_with(ModelSettings(str(tmp_path / "nothing")))
