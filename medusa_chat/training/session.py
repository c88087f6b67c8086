"""A training from its settings to its heads: load, read, train, test, write."""

from __future__ import annotations

from rich.console import Console

from medusa_chat.errors import UsageError
from medusa_chat.library.fetching import fetch_missing
from medusa_chat.models.base_model import load_base, load_tokenizer
from medusa_chat.models.chat_format import ChatFormat
from medusa_chat.models.checkpoint import stored_dtype
from medusa_chat.models.device import Placement, resolve_device
from medusa_chat.models.files import find_files
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.settings import ModelSettings
from medusa_chat.training.base import FrozenBase
from medusa_chat.training.batches import plan_training
from medusa_chat.training.data import Dataset, read_dataset
from medusa_chat.training.examples import Encoder
from medusa_chat.training.optimizer import HeadOptimizer
from medusa_chat.training.precision import Precision, choose_precision
from medusa_chat.training.progress import results_table, say
from medusa_chat.training.records import check_files
from medusa_chat.training.run_folder import RunFolder, RunInputs, digest_files
from medusa_chat.training.settings import DEFAULT_MAX_LENGTH, TrainSettings
from medusa_chat.training.trainer import Outcome, Trainer


def train(settings: TrainSettings, folder: RunFolder) -> Outcome:
    """Train what ``settings`` ask for, and say how it goes. Raises MedusaChatError."""
    check_files(settings.data)
    device = resolve_device(settings.device)
    precision = choose_precision(settings.dtype, device)
    if folder.mixed_precision is not None:
        precision = Precision(precision.base, folder.mixed_precision)
    model_settings = ModelSettings(settings.base_model)
    fetch_missing(model_settings)
    path = find_files(model_settings).base
    say(f"Loading {settings.base_model}")
    model = load_base(path, precision.base, Placement(device))
    tokenizer = load_tokenizer(path)
    max_length = _max_length(settings, model.config.get_text_config())
    chat_format = ChatFormat(
        tokenizer, (settings.base_model,), frozenset({tokenizer.eos_token_id} - {None})
    )
    if chat_format.notice:
        say(chat_format.notice)
    data = read_dataset(settings.data, Encoder(tokenizer, chat_format, max_length), say)
    for notice in data.notices:
        say(notice)
    base = FrozenBase(model)
    folder.begin(RunInputs(digest_files(settings.data), base.digest(), precision.mixed))
    heads = _train_on(
        data, base, settings, precision, folder, room=settings.batch_size * max_length
    )
    if heads is None:
        return Outcome.INTERRUPTED
    # Trained in float32, written like the base that they go with.
    folder.finish(heads.to(stored_dtype(path)))
    say(f"The heads are in {settings.output}: --model {settings.output} chats with them.")
    return Outcome.DONE


def _train_on(
    data: Dataset,
    base: FrozenBase,
    settings: TrainSettings,
    precision: Precision,
    folder: RunFolder,
    *,
    room: int,
) -> MedusaHeads | None:
    """Return the trained heads, or None when the training was interrupted."""
    plan = plan_training(
        [len(example.ids) for example in data.training],
        room=room,
        epochs=settings.epochs,
        seed=settings.seed,
        max_steps=settings.max_steps,
    )
    heads = base.new_heads(settings.heads, settings.layers, settings.layout)
    optimizer = HeadOptimizer(heads, settings.learning_rate, len(plan))
    begun = f"Training {settings.heads} heads on {data.tokens:,} tokens"
    if folder.load(optimizer):
        begun = f"Going on from step {optimizer.step_count} of {len(plan)}"
    say(f"{begun}, {'in mixed precision, ' if precision.mixed else ''}on {base.device}")
    trainer = Trainer(base, heads, optimizer, precision, plan, folder)
    if trainer.run(data.training) is Outcome.INTERRUPTED:
        say(
            f"Stopped after step {optimizer.step_count} of {len(plan)}, which is saved in "
            f"{settings.output}: the same command goes on from there."
        )
        return None
    if data.held_out:
        table = results_table(trainer.evaluate(data.held_out, room), len(data.held_out))
        Console().print(table)
    else:
        say("There are too few lines to hold any out, so the heads are not tested.")
    return heads


def _max_length(settings: TrainSettings, config: object) -> int:
    """Return the tokens of the longest example. Raises UsageError for more than the base takes."""
    context: int | None = getattr(config, "max_position_embeddings", None)
    if settings.max_length is None:
        return min(DEFAULT_MAX_LENGTH, context or DEFAULT_MAX_LENGTH)
    if context is not None and settings.max_length > context:
        raise UsageError(
            f"--max-length {settings.max_length} is more than the {context} tokens of the base "
            "model's context."
        )
    return settings.max_length
