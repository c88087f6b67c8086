"""Training heads that see the root: what they see, where gradients go, and what is written."""

from __future__ import annotations

import copy
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_data import tensors, tiny_llama, tiny_llama_heads
from torch import Tensor

from medusa_chat.errors import ModelError, UsageError
from medusa_chat.models.checkpoint import read_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.loader import load
from medusa_chat.settings import ModelSettings
from medusa_chat.training import learner
from medusa_chat.training.base import FrozenBase
from medusa_chat.training.batches import Batch
from medusa_chat.training.command import run
from medusa_chat.training.head_pass import HeadScores, head_pass
from medusa_chat.training.joint_pass import JointWeights, joint_pass
from medusa_chat.training.losses import medusa_1
from medusa_chat.training.precision import Precision
from medusa_chat.training.root_embedding import RootEmbedding
from medusa_chat.training.run_folder import RunFolder
from medusa_chat.training.trained_base import TrainedBase
from training.runs import settings

BATCH = tensors("medusa/loss/tiny-llama-batch.safetensors")
IDS, LABELS = BATCH["input_ids"], BATCH["labels"]
FLOAT32 = Precision(torch.float32, mixed=False)
EVEN = (1.0, 1.0, 1.0, 1.0)


def root_heads() -> MedusaHeads:
    torch.manual_seed(0)
    weight = torch.randn(96, 96) * 0.1
    heads = MedusaHeads.of({**tiny_llama_heads().state_dict(), "root_weight": weight.clone()})
    heads = copy.deepcopy(heads).requires_grad_()
    for parameter in heads.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return heads


@pytest.fixture
def base() -> FrozenBase:
    return FrozenBase(copy.deepcopy(tiny_llama()))


@pytest.fixture
def roots(base: FrozenBase) -> RootEmbedding:
    return RootEmbedding(base._model, base.hidden)


def test_what_is_seen_is_the_next_tokens_embedding(roots: RootEmbedding) -> None:
    ids = torch.tensor([[5, 6, 7], [8, 9, 10]])
    seen = roots.behind(ids, torch.tensor([0, 1, 4]))
    expected = tiny_llama().get_input_embeddings().weight[[6, 7, 10]] * roots.scale
    torch.testing.assert_close(seen, expected)


def test_embeddings_become_as_large_as_hidden_states(
    roots: RootEmbedding, base: FrozenBase
) -> None:
    hidden = base.hidden(IDS)
    seen = roots.behind(IDS, torch.arange(IDS.numel() - 1))
    assert 0.5 < float(seen.pow(2).mean() / hidden.pow(2).mean()) < 2


def test_loss_and_gradients_are_those_of_the_whole(base: FrozenBase, roots: RootEmbedding) -> None:
    whole, pieces = root_heads(), root_heads()
    hidden = base.hidden(IDS)
    following = torch.cat([IDS[:, 1:], IDS[:, :1]], dim=1)
    embedded = base._model.get_input_embeddings()(following).detach() * roots.scale
    assert whole.root_weight is not None
    read = hidden + embedded @ whole.root_weight.T
    loss = medusa_1(whole(read.flatten(0, 1), None).unflatten(1, IDS.shape), LABELS, decay=1.0)
    loss.backward()  # type: ignore[no-untyped-call]
    scores = head_pass(
        pieces, base.output, hidden, LABELS, FLOAT32, weights=EVEN, roots=partial(roots.behind, IDS)
    )
    assert scores.total(EVEN) == pytest.approx(loss.item(), rel=1e-5)
    for name, parameter in whole.named_parameters():
        torch.testing.assert_close(
            pieces.get_parameter(name).grad, parameter.grad, rtol=1e-3, atol=1e-5, msg=name
        )
    assert all(one.grad is None for one in base._model.parameters())


def test_no_gradient_goes_to_a_base_through_what_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With what the heads lose counted alone, and through hidden states that do not move."""
    heads, model = root_heads(), copy.deepcopy(tiny_llama())
    base = TrainedBase(model, None, keeps_original=False)
    roots = RootEmbedding(model, base.hidden)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    still: list[Tensor] = [base.hidden(IDS).detach()]
    monkeypatch.setattr(base, "hidden", lambda _ids: still[0].requires_grad_())
    weights = JointWeights(EVEN, (100,) * 4, 10**12, teaches=False)
    joint_pass(heads, base, Batch(IDS, LABELS, IDS.numel()), FLOAT32, weights=weights, roots=roots)
    assert heads.root_weight is not None
    assert heads.root_weight.grad is not None
    assert heads.root_weight.grad.norm() > 0
    inner = [one.grad for name, one in model.named_parameters() if "layers" in name]
    assert all(one is not None and not one.any() for one in inner)


def test_a_base_whose_embeddings_have_another_width_is_refused(base: FrozenBase) -> None:
    with pytest.raises(ModelError, match="96 numbers and its hidden states 40"):
        RootEmbedding(base._model, lambda ids: base.hidden(ids)[..., :40])


def chosen(folder: Path, **options: Any) -> Any:
    return settings(folder, heads=2, heads_kind="root", max_steps=6, **options)


def read(folder: Path) -> MedusaHeads:
    heads = read_heads(folder)
    assert heads is not None
    return heads


def test_what_is_learnt_is_what_is_loaded(tmp_path: Path) -> None:
    """Heads as they are loaded score as those did that were trained."""
    first = chosen(tmp_path)
    noted: list[tuple[MedusaHeads, RootEmbedding]] = []
    begin = learner.HeadsLearner.flush

    def flush(self: learner.HeadsLearner) -> None:
        assert self.roots is not None
        noted.append((self.heads, self.roots))
        begin(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner.HeadsLearner, "flush", flush)
        assert run(first) == 0
    trained, roots = noted[-1]
    written = read(first.output)
    assert written.root_weight is not None
    assert written.root_weight.abs().max() > 0
    # By now they are folded, as they were written.
    torch.testing.assert_close(trained.root_weight, written.root_weight, check_dtype=False)
    model = load(ModelSettings(str(first.output), device="cpu"), lambda _stage, _share: None)
    hidden, root = torch.randn(1, 96), torch.tensor([7])
    roots.unfold(trained)
    seen = roots.behind(torch.tensor([[1, 7]]), torch.tensor([0]))
    expected = trained(trained.rooted(hidden, seen), None)[:, 0]
    found = model.decoder.head_logits(hidden, 2, root)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("stage", ["medusa-1", "medusa-2"])
def test_a_training_that_was_stopped_ends_the_same(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more: dict[str, Any] = {"stage": stage} | ({"lora_rank": 4} if stage == "medusa-2" else {})
    through = chosen(tmp_path, output=tmp_path / "through", **more)
    assert run(through) == 0
    stopped = chosen(tmp_path, output=tmp_path / "stopped", **more)
    name = "head_pass" if stage == "medusa-1" else "joint_pass"
    own, passes = getattr(learner, name), 0

    def counted(*arguments: Any, **options: Any) -> HeadScores:
        nonlocal passes
        passes += 1
        if passes == 4:
            signal.raise_signal(signal.SIGINT)
        scores: HeadScores = own(*arguments, **options)
        return scores

    monkeypatch.setattr(learner, name, counted)
    assert run(stopped) == 130
    assert run(stopped) == 0
    files = [folder / "medusa_lm_head.safetensors" for folder in (through.output, stopped.output)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_second_stage_goes_on_from_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = chosen(tmp_path, output=tmp_path / "first")
    assert run(first) == 0
    begun = read(first.output).root_weight
    # A rate of next to nothing: what is written is what was read.
    second = chosen(tmp_path, heads_from=first.output, learning_rate=1e-12)
    assert run(second) == 0
    torch.testing.assert_close(read(second.output).root_weight, begun)
    other = settings(tmp_path, output=tmp_path / "other", heads=2, heads_from=first.output)
    with pytest.raises(ModelError, match="kind root: give --heads, --layers"):
        run(other)


def test_a_run_from_before_there_were_kinds_goes_on(tmp_path: Path) -> None:
    import json

    old = settings(tmp_path, heads=2, max_steps=2)
    assert run(old) == 0
    record = old.output / "training-state.json"
    said = json.loads(record.read_text("utf-8"))
    del said["settings"]["heads_kind"]
    record.write_text(json.dumps(said), "utf-8")
    assert RunFolder(old).finished
    with pytest.raises(UsageError, match="--heads-kind left out, not --heads-kind root"):
        RunFolder(chosen(tmp_path))
