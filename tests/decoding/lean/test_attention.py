"""Attention over groups against the sum that it stands for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from medusa_chat.decoding.lean.attention import StepMasks, attend, mask_of, windowed_mask


def written_out(
    queries: Tensor, keys: Tensor, values: Tensor, sees: Tensor, scale: float
) -> Tensor:
    group = queries.shape[1] // keys.shape[0]
    found = torch.zeros_like(queries)
    for head in range(queries.shape[1]):
        of_head, values_of_head = keys[head // group], values[head // group]
        scores = queries[:, head] @ of_head.T * scale
        weights = scores.masked_fill(~sees, -torch.inf).softmax(-1)
        found[:, head] = weights @ values_of_head
    return found.flatten(1)


@pytest.mark.parametrize(("heads", "of_keys"), [(4, 4), (4, 2), (6, 2), (4, 1)])
@pytest.mark.parametrize("count", [2, 5, 127, 140])
@pytest.mark.parametrize("before", [0, 9])
def test_is_the_sum(heads: int, of_keys: int, count: int, before: int) -> None:
    torch.manual_seed(count)
    queries = torch.randn(count, heads + 2, 8)[:, :heads]  # a part of the joined product
    keys, values = torch.randn(2, of_keys, before + count, 8)
    own = torch.rand(count, count).round().bool() | torch.eye(count, dtype=torch.bool)
    mask = mask_of(own, before, heads // of_keys, torch.float32)
    sees = torch.cat([torch.ones(count, before, dtype=torch.bool), own], 1)
    got = attend(queries, keys, values, mask, 0.3)
    expected = written_out(queries, keys, values, sees, 0.3)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_one_row_sees_all() -> None:
    queries, (keys, values) = torch.randn(1, 4, 8), torch.randn(2, 2, 7, 8)
    expected = written_out(queries, keys, values, torch.ones(1, 7, dtype=torch.bool), 0.3)
    torch.testing.assert_close(attend(queries, keys, values, None, 0.3), expected)


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("before", [0, 9, 27])
def test_a_windows_mask_hides_the_rest(group: int, before: int) -> None:
    own = torch.ones(5, 5, dtype=torch.bool).tril()
    mask = windowed_mask(own, torch.tensor(before), 32, group, torch.float32)
    assert mask.shape == (5 * group, 32)
    expected = mask_of(own, before, group, torch.float32)
    assert torch.equal(mask[:, : before + 5], expected)
    assert (mask[:, before + 5 :] == -torch.inf).all()


@pytest.mark.parametrize("group", [1, 3])
def test_masks_of_steps_leave_nothing_of_those_before(group: int) -> None:
    masks = StepMasks(group, torch.float32, torch.device("cpu"))
    torch.manual_seed(group)
    for count, before in [(5, 0), (5, 3), (2, 7), (9, 255), (3, 256), (5, 257), (16, 900), (5, 2)]:
        sees = torch.rand(count, count).round().bool() | torch.eye(count, dtype=torch.bool)
        mask = masks.of(sees, before)
        assert torch.equal(mask, mask_of(sees, before, group, torch.float32))


def test_a_mask_of_a_step_is_taken_as_it_lies() -> None:
    queries, (keys, values) = torch.randn(6, 4, 8), torch.randn(2, 2, 31, 8)
    sees = torch.ones(6, 6, dtype=torch.bool).tril()
    of_step = StepMasks(2, torch.float32, torch.device("cpu")).of(sees, 25)
    alone = mask_of(sees, 25, 2, torch.float32)
    assert not of_step.is_contiguous()
    expected = attend(queries, keys, values, alone, 0.3)
    torch.testing.assert_close(attend(queries, keys, values, of_step, 0.3), expected)
