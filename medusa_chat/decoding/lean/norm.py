"""Root mean square normalisation (RMSNorm)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


class RootMeanSquare:
    """x / sqrt(mean(x^2) + epsilon) * w over the last dimension, H wide."""

    def __init__(self, weight: Tensor, epsilon: float) -> None:
        self._weight = weight
        self._epsilon = epsilon
        width = weight.shape[-1]
        self._width = (width,)
        # sqrt(mean + epsilon) = hypot(|x|, sqrt(H epsilon)) / sqrt(H): four operations in place of
        # eight. Sixteen bits would overflow or lose too much that way.
        self._direct = weight.dtype == torch.float32 and weight.device.type == "cpu"
        self._scaled = weight * math.sqrt(width)
        self._floor = weight.new_tensor(math.sqrt(width * epsilon))

    def __call__(self, x: Tensor) -> Tensor:
        """Return ``x`` [..., H] normalised."""
        if not self._direct:
            if self._weight.dim() == 1:
                return functional.rms_norm(x, self._width, self._weight, self._epsilon)
            return functional.rms_norm(x, self._width, None, self._epsilon).mul_(self._weight)
        length = torch.linalg.vector_norm(x, 2, -1, True)
        return torch.mul(x, self._scaled).div_(torch.hypot(length, self._floor))
