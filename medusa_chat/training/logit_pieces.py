"""Of how many positions logits are made at once, on which the memory told beforehand counts.

On a CPU the logits of a piece, with a vocabulary of 4,096, stay in the cache: twice as fast as
4,096 rows at once. No torch.
"""

from __future__ import annotations

ROWS_AT_ONCE = {"cpu": 512, "cuda": 2048}
"""By the kind of device."""
