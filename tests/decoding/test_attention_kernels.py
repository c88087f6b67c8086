from __future__ import annotations

from typing import Any

import torch

from medusa_chat.decoding.attention_kernels import ready_kernels

KERNELS: Any = torch.backends.cuda


def test_a_gpu_is_kept_off_cudnn_and_nothing_else() -> None:
    before = KERNELS.flash_sdp_enabled(), KERNELS.mem_efficient_sdp_enabled()
    assert KERNELS.cudnn_sdp_enabled()
    with ready_kernels(torch.device("cuda")):
        assert not KERNELS.cudnn_sdp_enabled()
        assert (KERNELS.flash_sdp_enabled(), KERNELS.mem_efficient_sdp_enabled()) == before
        with ready_kernels(torch.device("cuda")):
            pass
        assert not KERNELS.cudnn_sdp_enabled()
    assert KERNELS.cudnn_sdp_enabled()


def test_a_cpu_has_none() -> None:
    with ready_kernels(torch.device("cpu")):
        assert KERNELS.cudnn_sdp_enabled()
