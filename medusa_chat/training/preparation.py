"""From settings to what learns: the heads to begin with, the base, and what makes gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from medusa_chat.errors import ModelError
from medusa_chat.models.checkpoint import read_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.quantities import size
from medusa_chat.status_line import tell
from medusa_chat.training.base import FrozenBase, new_heads, output_of
from medusa_chat.training.data import Dataset
from medusa_chat.training.joint_loss import JointLoss
from medusa_chat.training.kept_hidden import HiddenOrigin, KeptHidden
from medusa_chat.training.learner import HeadsLearner, JointLearner, Learner
from medusa_chat.training.optimizer import ParameterGroup
from medusa_chat.training.precision import Precision
from medusa_chat.training.root_embedding import RootEmbedding
from medusa_chat.training.run_folder import RunInputs
from medusa_chat.training.settings import TrainSettings
from medusa_chat.training.team import Team
from medusa_chat.training.trained_base import AdapterShape, TrainedBase


def begin_heads(settings: TrainSettings, model: Any) -> MedusaHeads:
    """Return the heads to begin with. Raises ModelError where those to go on from do not fit."""
    output = output_of(model)
    fresh = new_heads(output, settings.heads, settings.layers, settings.layout, settings.heads_kind)
    if settings.heads_from is None:
        return fresh
    found = read_heads(settings.heads_from)
    if found is None:
        raise ModelError(f"--heads-from {settings.heads_from} holds no heads.")
    wanted = {name: one.shape for name, one in fresh.state_dict().items()}
    if wanted != {name: one.shape for name, one in found.state_dict().items()}:
        layout = "shared" if found.output_weight is None else "v0.1"
        kind = "medusa" if found.root_weight is None else "root"
        raise ModelError(
            f"--heads-from {settings.heads_from} has {found.count} heads of {found.layers} "
            f"layers for a hidden size of {found.hidden_size}, layout {layout}, kind {kind}: give "
            "--heads, --layers, --layout and --heads-kind as they are, and their own base."
        )
    with torch.no_grad():
        for name, own in fresh.named_parameters():
            own.copy_(found.get_parameter(name))
    return fresh


def begin_learning(
    settings: TrainSettings,
    model: Any,
    heads: MedusaHeads,
    precision: Precision,
    data: Dataset,
    inputs: RunInputs,
    team: Team,
) -> tuple[Learner, Sequence[ParameterGroup]]:
    """Return what makes the gradients, and what they are of: the heads first."""
    own = dict(heads.named_parameters())
    if settings.stage == "medusa-1":
        frozen = FrozenBase(model)
        kept = _kept(settings, frozen, precision, data, inputs, team)
        group = ParameterGroup("heads", own, settings.rate, settings.weight_decay)
        roots = _roots(heads, model, frozen)
        return HeadsLearner(frozen, heads, precision, settings.decay, kept, roots), [group]
    # Adapters begin as noise: the same one in all processes, and for the same seed.
    torch.manual_seed(settings.seed)
    base = TrainedBase(
        model,
        adapter_shape(settings),
        keeps_original=settings.base_loss == "teacher",
        checkpointing=settings.gradient_checkpointing,
    )
    loss = JointLoss(
        coefficient=settings.coefficient,
        decay=settings.decay,
        rise=settings.rise,
        base=settings.base_loss,
    )
    rate = settings.rate * settings.heads_rate
    roots = _roots(heads, model, base)
    return JointLearner(base, heads, precision, loss, settings.seed, roots), [
        ParameterGroup("heads", own, rate, settings.weight_decay),
        ParameterGroup("base", base.parameters(), settings.rate, settings.weight_decay),
    ]


def _roots(heads: MedusaHeads, model: Any, base: FrozenBase | TrainedBase) -> RootEmbedding | None:
    """Return what heads that see the root learn from, and turn their A into what learns."""
    if heads.root_weight is None:
        return None
    roots = RootEmbedding(model, base.hidden)
    roots.unfold(heads)
    return roots


def adapter_shape(settings: TrainSettings) -> AdapterShape | None:
    """Return the adapters that ``settings`` ask for; None for none."""
    if not settings.lora_rank:
        return None
    return AdapterShape(
        settings.lora_rank,
        settings.lora_alpha,
        settings.lora_dropout,
        settings.lora_targets,
        settings.lora_output,
    )


def _kept(
    settings: TrainSettings,
    base: FrozenBase,
    precision: Precision,
    data: Dataset,
    inputs: RunInputs,
    team: Team,
) -> KeptHidden | None:
    if settings.keep_hidden is None:
        return None
    # Whatever is computed in 16 bits loses nothing, or little, when it is kept so.
    stored = precision.base
    if stored is torch.float32 and precision.mixed:
        stored = torch.bfloat16
    origin = HiddenOrigin(
        inputs.data_sha256,
        inputs.base_sha256,
        settings.quantization,
        f"{precision.base}, mixed" if precision.mixed else str(precision.base),
        tuple(len(example.ids) for example in data.training),
        base.output.in_features,
        str(stored).removeprefix("torch."),
    )
    if team.leads:
        kept = KeptHidden(settings.keep_hidden, origin)
    team.wait()
    if not team.leads:
        kept = KeptHidden(settings.keep_hidden, origin, leads=False)
    tell(
        f"Hidden states: {size(kept.stored_bytes)} in {settings.keep_hidden}, "
        f"{kept.share:.0%} of them there"
    )
    return kept
