"""What folders tell of the models in them."""

from __future__ import annotations

from medusa_chat.library.inspection import inspect
from medusa_chat.models import registry


def test_the_built_in_model_has_the_layout_that_the_list_says() -> None:
    model = registry.find("builtin")
    assert model is not None
    assert model.local_folder is not None
    assert inspect(model.local_folder).layout == model.layout == "own"
