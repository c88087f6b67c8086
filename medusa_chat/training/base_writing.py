"""Writing a base that has learnt, in the Hugging Face layout: weights, config and tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from medusa_chat.errors import ModelError
from medusa_chat.models.base_model import load_base
from medusa_chat.models.device import Placement
from medusa_chat.models.layout import TOKENIZER_FILES
from medusa_chat.training.disk_failure import disk_failure
from medusa_chat.training.trained_base import AdapterShape, TrainedBase, attach


def write_base(
    trained: TrainedBase,
    adapters: AdapterShape | None,
    original: Path,
    folder: Path,
    dtype: torch.dtype,
) -> None:
    """Write ``trained``, which was made of the model in ``original``, to ``folder``, in ``dtype``.

    Adapters are merged into weights loaded anew: those that were trained on may have few bits. The
    folder takes its name when it is whole. Raises ModelError when the disk does not take it.
    """
    part = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        if adapters is None:
            trained.model.to(dtype).save_pretrained(part)
        else:
            _merged(trained, adapters, original, dtype).save_pretrained(part)
        for pattern in TOKENIZER_FILES:
            for file in original.glob(pattern):
                shutil.copyfile(file, part / file.name)
        _let_others_read(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise ModelError(
            f"{folder} cannot be written ({disk_failure(error)}). What was learnt is kept: make "
            "room, and give the same command again."
        ) from error


@torch.no_grad()
def _merged(
    trained: TrainedBase, adapters: AdapterShape, original: Path, dtype: torch.dtype
) -> Any:
    """Return the model of ``original`` with the adapters' products added to its weights."""
    fresh = load_base(original, dtype, Placement(torch.device("cpu")))
    tuner = attach(fresh, adapters)
    own = dict(fresh.named_parameters())
    for name, parameter in trained.parameters().items():
        own[name].copy_(parameter)
    return tuner.merge_and_unload()


def _let_others_read(folder: Path) -> None:
    """Give the weights, which transformers writes for their owner alone, the config's mode."""
    mode = (folder / "config.json").stat().st_mode
    for file in folder.glob("*.safetensors"):
        file.chmod(mode)
