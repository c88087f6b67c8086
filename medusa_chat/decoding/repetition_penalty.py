"""The repetition penalty (CTRL, section 4.1): what has been said becomes less likely to be said.

As transformers has it: a token of the prompt or the reply so far has its logit divided by the
penalty, or multiplied by it where negative, once however often the token came, before temperature.
In a tree each node has a past of its own: the text so far and the path down to the node. With that
a Medusa tree penalises as plain decoding does, and the text stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from medusa_chat.decoding.acceptance import Draft


class RepetitionPenalty:
    """The penalty of one reply, over a vocabulary of V tokens; ``penalty`` 1 would change nothing.

    ``tokens`` are the prompt's.
    """

    def __init__(
        self, penalty: float, tokens: Iterable[int], vocabulary: int, device: torch.device
    ) -> None:
        self._penalty = penalty
        self._seen = torch.zeros(vocabulary, dtype=torch.bool, device=device)
        self.add(tokens)

    def add(self, tokens: Iterable[int]) -> None:
        """Count ``tokens`` as said."""
        # A model may read more tokens than it can say.
        known = sorted({token for token in tokens if token < self._seen.shape[0]})
        self._seen[torch.tensor(known, dtype=torch.long, device=self._seen.device)] = True

    def after_text(self, logits: Tensor) -> Tensor:
        """Return ``logits`` [R, V] as they are to be drawn from behind all that was said."""
        return self._penalised(logits, self._seen)

    def after_nodes(self, logits: Tensor, draft: Draft) -> Tensor:
        """Return ``logits`` [N, V] as they are to be drawn from behind the nodes of a draft."""
        return self._on_paths(logits, draft.tree.mask, draft.tokens)

    def after_node(self, logits: Tensor, draft: Draft, node: int) -> Tensor:
        """Return one row of ``after_nodes``, [1, V], for the whole step's ``logits`` [N, V]."""
        return self._on_paths(logits[node, None], draft.tree.mask[node, None], draft.tokens)

    def _on_paths(self, logits: Tensor, paths: Tensor, tokens: Tensor) -> Tensor:
        """Penalise what was said and what stands on ``paths`` [R, N] of the tree's ``tokens``."""
        # The root stands on every path, so it may stand in for the nodes that do not.
        on_path = torch.where(paths, tokens, tokens[0])
        seen = self._seen.expand(logits.shape[0], -1).scatter(1, on_path, value=True)
        return self._penalised(logits, seen)

    def _penalised(self, logits: Tensor, seen: Tensor) -> Tensor:
        less = torch.where(logits < 0, logits * self._penalty, logits / self._penalty)
        return torch.where(seen, less, logits)
