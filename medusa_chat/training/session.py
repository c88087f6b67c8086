"""A training from its settings to its heads: load, read, train, test, write."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from medusa_chat.errors import ModelError, UsageError
from medusa_chat.library.fetching import fetch_missing, missing_config
from medusa_chat.models.base_model import load_base, load_tokenizer
from medusa_chat.models.chat_format import ChatFormat
from medusa_chat.models.checkpoint import stored_dtype
from medusa_chat.models.device import Placement, resolve_device
from medusa_chat.models.device_memory import device_memory
from medusa_chat.models.files import find_files
from medusa_chat.models.layout import read_config
from medusa_chat.models.quantization import unfit, unfit_width
from medusa_chat.models.shape import shape_of
from medusa_chat.quantities import size
from medusa_chat.settings import ModelSettings
from medusa_chat.status_line import tell
from medusa_chat.training.base import base_files
from medusa_chat.training.base_writing import write_base
from medusa_chat.training.batches import Plan, plan_training
from medusa_chat.training.data import Dataset, read_dataset
from medusa_chat.training.examples import Encoder
from medusa_chat.training.freed_memory import return_at_once
from medusa_chat.training.learner import JointLearner, Learner
from medusa_chat.training.marks import Marks
from medusa_chat.training.memory_need import memory_need, remedies
from medusa_chat.training.optimizer import Optimizer
from medusa_chat.training.precision import Precision, choose_precision
from medusa_chat.training.preparation import adapter_shape, begin_heads, begin_learning
from medusa_chat.training.progress import results_table
from medusa_chat.training.records import check_files
from medusa_chat.training.run_folder import RunFolder, RunInputs, digest_files
from medusa_chat.training.schedule import Schedule
from medusa_chat.training.settings import DEFAULT_MAX_LENGTH, TrainSettings
from medusa_chat.training.team import Team
from medusa_chat.training.trainer import Evaluation, Outcome, Trainer, with_first_loss

_ALONE = Team()
_ROOMY = 2
"""Where memory for so many trainings is free, one runs faster that leaves gaps in it."""


def train(settings: TrainSettings, folder: RunFolder, team: Team = _ALONE) -> Outcome:
    """Train what ``settings`` ask for, and say how it goes. Raises MedusaChatError."""
    check_files(settings.data)
    device = team.device or resolve_device(settings.device)
    precision = _precision(settings, device, folder, team)
    named = ModelSettings(settings.base_model)
    config = missing_config(named)
    if config is None:
        config = read_config(find_files(named).base)
    max_length = _max_length(settings, config)
    _tell_memory(settings, config, precision, device, settings.batch_size * max_length)
    # All have looked for the config: nobody finds a base that is there by halves.
    team.wait()
    if team.leads:
        fetch_missing(named)
    team.wait()
    path = find_files(named).base
    tell(f"Loading {settings.base_model}")
    model = load_base(path, precision.base, Placement(device), settings.quantization)
    width = unfit_width(model)
    if width is not None:
        raise unfit(settings.base_model, width)
    data = _read(settings, path, max_length)
    inputs = RunInputs(
        digest_files(settings.data),
        digest_files(base_files(path)),
        precision.mixed,
        team.size * settings.accumulation,
    )
    if team.leads:
        folder.begin(inputs)
    team.wait()
    plan, steps = _plan(settings, data, inputs.batches_a_step, settings.batch_size * max_length)
    heads = begin_heads(settings, model)
    learner, groups = begin_learning(settings, model, heads, precision, data, inputs, team)
    optimizer = Optimizer(groups, Schedule(steps, settings.scheduler, settings.warmup_steps))
    marks = folder.load(optimizer)
    what = f"{settings.heads} heads" + (" and their base" if groups[1:] else "")
    begun = f"Training {what} on {data.tokens:,} tokens"
    if marks is not None:
        begun = f"Going on from step {optimizer.step_count} of {steps}"
    tell(f"{begun}, {'in mixed precision, ' if precision.mixed else ''}on {device}")
    trainer = Trainer(
        learner,
        optimizer,
        plan,
        folder,
        _evaluation(settings, data, steps, settings.batch_size * max_length),
        batches_a_step=inputs.batches_a_step,
        device=device,
        team=team,
        marks=marks or Marks(),
    )
    if marks is None and isinstance(learner, JointLearner) and data.held_out:
        before = trainer.evaluate().mean_losses[0]
        trainer.marks = with_first_loss(trainer.marks, before)
        tell(f"Perplexity of the base on what is held out: {math.exp(before):.3f}")
    if trainer.run(data.training) is Outcome.INTERRUPTED:
        tell(
            f"Stopped after step {optimizer.step_count} of {steps}, which is saved in "
            f"{settings.output}: the same command goes on from there."
        )
        return Outcome.INTERRUPTED
    optimizer.release()
    _show_results(trainer, learner, data, settings.held_out)
    if team.leads:
        if isinstance(learner, JointLearner):
            tell("Writing the base")
            adapters = adapter_shape(settings)
            write_base(learner.base, adapters, path, folder.base_folder(), stored_dtype(path))
        if learner.roots is not None:
            learner.roots.fold(heads)
        # Trained in float32, written like the base that they go with.
        folder.finish(heads.to(stored_dtype(path)))
        what, it = (
            ("model is", "it") if isinstance(learner, JointLearner) else ("heads are", "them")
        )
        tell(f"The {what} in {settings.output}: --model {settings.output} chats with {it}.")
    team.wait()
    return Outcome.DONE


def _precision(
    settings: TrainSettings, device: torch.device, folder: RunFolder, team: Team
) -> Precision:
    precision = choose_precision(settings.dtype, device)
    # What is faster is measured, and may come out differently elsewhere.
    precision = Precision(precision.base, team.any(team.leads and precision.mixed))
    if folder.mixed_precision is not None:
        precision = Precision(precision.base, folder.mixed_precision)
    if settings.stage == "medusa-2":
        if precision.base is torch.float16:
            raise UsageError(
                f"{device} computes in float16 at best, which is too narrow for a base that "
                "learns: use --dtype float32."
            )
        if not settings.lora_rank:
            # The weights that learn are in float32; their products need not be.
            return Precision(torch.float32, precision.mixed)
    return precision


def _tell_memory(
    settings: TrainSettings,
    config: dict[str, Any],
    precision: Precision,
    device: torch.device,
    tokens: int,
) -> None:
    """Say what it will take. Raises ModelError where the device can never have as much."""
    shape = shape_of(config)
    if shape is None:
        tell("How much memory this takes is not known for a model of this kind.")
        return
    need = memory_need(
        shape,
        settings,
        kind=device.type,
        dtype_bytes=precision.base.itemsize,
        tokens=tokens,
        mixed=precision.mixed,
    )
    kept = need.gaps_bytes > 0
    there = device_memory(str(device))
    if there is None:
        tell(f"Memory: about {size(need.total)} ({need.words})")
        return
    if device.type == "cpu" and need.total * _ROOMY > there.free_bytes:
        kept = not return_at_once()
    up_to = ""
    if kept:
        up_to = f", up to {size(need.most)} where the system does not take freed memory back,"
    tell(
        f"Memory: about {size(need.total)}{up_to} of {size(there.total_bytes)}, "
        f"{size(there.free_bytes)} free ({need.words})"
    )
    if need.total > there.total_bytes:
        raise ModelError(
            f"This training takes about {size(need.total)}, and {there.name} has "
            f"{size(there.total_bytes)}: less would do with {remedies(settings)}."
        )
    if need.total > there.free_bytes:
        tell(f"It may not fit: free some, or take less with {remedies(settings)}.")


def _read(settings: TrainSettings, path: Path, max_length: int) -> Dataset:
    tokenizer = load_tokenizer(path)
    chat_format = ChatFormat(
        tokenizer, (settings.base_model,), frozenset({tokenizer.eos_token_id} - {None})
    )
    if chat_format.notice:
        tell(chat_format.notice)
    encoder = Encoder(tokenizer, chat_format, max_length)
    data = read_dataset(settings.data, encoder, tell, settings.held_out)
    for notice in data.notices:
        tell(notice)
    return data


def _plan(
    settings: TrainSettings, data: Dataset, batches_a_step: int, room: int
) -> tuple[Plan, int]:
    """Return the batches of the whole training, and how many steps they make."""
    plan = plan_training(
        [len(example.ids) for example in data.training],
        room=room,
        epochs=settings.epochs,
        seed=settings.seed,
        max_batches=None if settings.max_steps is None else settings.max_steps * batches_a_step,
    )
    return plan, -(-len(plan) // batches_a_step)


def _evaluation(settings: TrainSettings, data: Dataset, steps: int, room: int) -> Evaluation:
    every = settings.evaluate_every
    if every is None and settings.early_stop is not None:
        every = max(steps // settings.epochs, 1)
    if every is not None and not data.held_out:
        tell("Nothing is held out, so nothing is tested, and nothing stops early.")
    return Evaluation(data.held_out, room, every, settings.early_stop)


def _show_results(trainer: Trainer, learner: Learner, data: Dataset, share: float | None) -> None:
    if not data.held_out:
        why = "--held-out 0" if share == 0 else "there are too few lines"
        tell(f"Nothing is held out ({why}), so the heads are not tested.")
        return
    scores = trainer.evaluate()
    joint = isinstance(learner, JointLearner)
    Console().print(results_table(scores, len(data.held_out), with_base=joint))
    if joint and trainer.marks.first_loss is not None:
        before, after = math.exp(trainer.marks.first_loss), math.exp(scores.mean_losses[0])
        tell(f"Perplexity: {before:.3f} before, {after:.3f} after ({after / before - 1:+.2%})")


def _max_length(settings: TrainSettings, config: dict[str, Any]) -> int:
    """Return the tokens of the longest example. Raises UsageError for more than the base takes."""
    text = config.get("text_config")
    text = text if isinstance(text, dict) else config
    own = text.get("max_position_embeddings", text.get("n_positions"))
    context = own if isinstance(own, int) and own > 0 else None
    if settings.max_length is None:
        return min(DEFAULT_MAX_LENGTH, context or DEFAULT_MAX_LENGTH)
    if context is not None and settings.max_length > context:
        raise UsageError(
            f"--max-length {settings.max_length} is more than the {context} tokens of the base "
            "model's context."
        )
    return settings.max_length
