"""The bytes that a step reads, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from medusa_chat.benchmark.bandwidth import copied_bytes, copy_bandwidth
from medusa_chat.benchmark.peak_memory import PeakMemory
from medusa_chat.benchmark.traffic import cache_bytes, step_bytes, weight_bytes

from .measured import engine

V, H, M, L, KV = 64, 32, 48, 2, 2
_BLOCKS = L * (2 * H * H + 2 * H * KV * 8 + 3 * H * M + 2 * H) + H


def model(*, tied: bool, dtype: torch.dtype = torch.float32) -> Any:
    config = AutoConfig.for_model(
        "llama",
        vocab_size=V,
        hidden_size=H,
        intermediate_size=M,
        num_hidden_layers=L,
        num_attention_heads=4,
        num_key_value_heads=KV,
        tie_word_embeddings=tied,
    )
    return AutoModelForCausalLM.from_config(config, dtype=dtype)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_output_matrix_counts_and_the_embedding_does_not(
    tied: bool, dtype: torch.dtype
) -> None:
    made = model(tied=tied, dtype=dtype)
    assert weight_bytes(made) == (_BLOCKS + V * H) * dtype.itemsize


def test_weights_that_are_kept_elsewhere_count() -> None:
    made = model(tied=False)
    before = weight_bytes(made)
    layer = made.model.layers[0].mlp.gate_proj
    layer.weight.data = layer.weight.new_empty(0, H)
    assert weight_bytes(made) == before


def test_keys_and_values() -> None:
    assert cache_bytes(model(tied=False), 100) == 2 * L * KV * 8 * 100 * 4
    assert cache_bytes(model(tied=False, dtype=torch.float16), 10) == 2 * L * KV * 8 * 10 * 2


def test_heads_are_read_only_by_those_who_draft() -> None:
    loaded = engine().model
    assert loaded.head_bytes > 0
    plain = step_bytes(loaded, 50, drafts=False)
    assert step_bytes(loaded, 50, drafts=True) - plain == loaded.head_bytes
    assert plain == weight_bytes(loaded.base) + cache_bytes(loaded.base, 50)


def test_scales_of_four_bits_count() -> None:
    class State:
        absmax = torch.zeros(10)

    made = model(tied=True)
    before = weight_bytes(made)
    parameter: Any = nn.Parameter(made.model.norm.weight.data)
    parameter.quant_state = State()
    made.model.norm.weight = parameter
    assert weight_bytes(made) == before + 40


def test_copying_is_measured() -> None:
    # No more than this is certain on any machine: a rate, and of a sensible order.
    assert 1e6 < copy_bandwidth(torch.device("cpu"), size_bytes=2**22) < 1e14


def test_copying_leaves_room_on_a_gpu_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    gigabyte, emptied = 2**30, []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    device = torch.device("cuda", 0)
    for free, copied in ((100 * gigabyte, 2 * gigabyte), (gigabyte, gigabyte // 4), (0, 2**27)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 8 * gigabyte))
        assert copied_bytes(device) == copied
    assert len(emptied) == 3, "what torch keeps for later is not free"


def test_the_peak_is_at_least_what_was_held() -> None:
    peak = PeakMemory(torch.device("cpu"))
    before = peak.bytes
    if before is None:
        pytest.skip("this system tells no peak of memory")
    held = bytearray(b"x") * 40_000_000
    del held
    after = peak.bytes
    assert after is not None
    assert after - before > 30_000_000
