"""Scoring trees offline: a reply is decoded once, plainly, and any tree is then tried on its log.

The replay is the live loop itself, over a forward that looks up what the model answered instead of
running it. So a tree's score is what the engine would reach, without the model's time; the heads'
logits are looked up as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medusa_chat.decoding.decoder import Decoder, Request
from medusa_chat.decoding.drafting import TreeShape
from medusa_chat.decoding.dynamic_tree import FixedTree
from medusa_chat.decoding.gumbel import GumbelNoise
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.stats import Figures
from medusa_chat.decoding.step import Forward, StepOutput
from medusa_chat.decoding.step_threads import StepThreads
from medusa_chat.decoding.tree import Tree


@dataclass(frozen=True, slots=True, eq=False)
class ReplyLog:
    """One plainly decoded reply: L tokens of prompt and reply, R = L - 1 of them answered.

    ``logits`` [R, V] are the model's after each token, ``head_logits`` [R - P + 1, K, V] the heads'
    from the prompt's last token on, P being the prompt's length.
    """

    prompt: tuple[int, ...]
    reply: tuple[int, ...]
    sampling: Sampling
    seed: int
    logits: Tensor
    head_logits: Tensor


def log_reply(
    decoder: Decoder,
    prompt: Sequence[int],
    *,
    heads: int,
    tokens: int,
    sampling: Sampling,
    seed: int = 0,
    eos_ids: frozenset[int] = frozenset(),
    stop: tuple[str, ...] = (),
) -> ReplyLog:
    """Decode ``tokens`` tokens plainly from an empty cache, and log what the model answered.

    One of ``eos_ids``, or a text of ``stop``, ends the reply before. ``heads`` heads are logged, K.
    Raises what ``Decoder.start`` raises.
    """
    recording = _RecordingForward(decoder.forward)
    plain = Decoder(recording, decoder.head_logits, decoder.decode_text)
    root = FixedTree.of(Tree.root(), decoder.forward.device)
    decoder.forget()
    request = Request(root, sampling, Ending(eos_ids, stop, tokens), seed)
    decoding = plain.start(prompt, request)
    for _ in decoding.run():
        pass
    decoder.forget()
    hidden = torch.cat(recording.hidden)
    asked = hidden[len(prompt) - 1 :]
    vocabulary = decoder.forward.vocabulary
    head_logits = torch.zeros(asked.shape[0], heads, vocabulary, device=hidden.device)
    if heads:
        roots = torch.tensor(decoding.output.token_ids, device=hidden.device)
        for row, (one, root) in enumerate(zip(asked, roots, strict=True)):
            of_heads = decoder.head_logits(one[None], heads, root[None])
            head_logits[row] = decoder.head_vocabulary.whole(of_heads)
    return ReplyLog(
        prompt=tuple(prompt),
        reply=tuple(decoding.output.token_ids),
        sampling=sampling,
        seed=seed,
        logits=torch.cat(recording.logits),
        head_logits=head_logits,
    )


def replay(log: ReplyLog, shape: TreeShape | MixedTree) -> Figures:
    """Return the figures of decoding the logged reply by ``shape``; its times mean nothing.

    The draft begins from nothing: what one replay taught does not serve another.
    """
    forward = _LoggedForward(log)
    first = len(log.prompt) - 1

    def head_logits(hidden: Tensor, depth: int, root: Tensor) -> Tensor:
        del root  # the logged text's, as when they were logged
        return log.head_logits[int(hidden) - first, :depth]

    ending = Ending(max_new_tokens=len(log.reply))
    request = Request(shape, log.sampling, ending, log.seed)
    decoding = Decoder(forward, head_logits, _no_text).start(log.prompt, request)
    for _ in decoding.run():
        pass
    assert tuple(decoding.output.token_ids) == log.reply, "a tree has changed the text"
    return decoding.figures


def head_accuracies(logs: Sequence[ReplyLog], ranks: int = 10) -> list[list[float]]:
    """Return how often each of a head's ``ranks`` likeliest guesses was right, [head][rank].

    Where tokens are drawn, guesses are ranked with the noise of their positions, as in a draft.
    """
    _, heads, vocabulary = logs[0].head_logits.shape
    hits = torch.zeros(heads, ranks)
    compared = torch.zeros(heads, 1)
    for log in logs:
        device, sampling = log.head_logits.device, log.sampling
        noise = GumbelNoise(log.seed, vocabulary, device)
        # Row r is of the token before reply[r]: head k guesses reply[r + k + 1].
        for head in range(heads):
            right = torch.tensor(log.reply[head + 1 :], device=device)
            scores = log.head_logits[: len(right), head]
            if not sampling.greedy:
                first = len(log.prompt) + head + 1
                places = torch.arange(first, first + len(right), device=device)
                scores = scores / sampling.temperature + noise.rows(places)
            ranked = scores.topk(ranks, dim=-1).indices
            hits[head] += (ranked == right[:, None]).sum(0).cpu()
            compared[head] += len(right)
    accuracies: list[list[float]] = (hits / compared.clamp(min=1)).tolist()
    return accuracies


class _RecordingForward:
    """A forward that is driven plainly and keeps every row."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self.context_tokens = forward.context_tokens
        self.threads = StepThreads()
        self.vocabulary = forward.vocabulary
        self.device = forward.device
        self.hidden: list[Tensor] = []
        self.logits: list[Tensor] = []

    @property
    def length(self) -> int:
        return self._forward.length

    def step(self, tokens: Tensor, tree: Tree) -> StepOutput:
        return self._kept(self._forward.step(tokens, tree))

    def extend(self, tokens: Tensor, rows: int = 1) -> StepOutput:
        output = self._kept(self._forward.extend(tokens, tokens.shape[0]))
        return StepOutput(output.hidden[-rows:], output.logits[-rows:])

    def compact(self, nodes: Sequence[int]) -> None:
        self._forward.compact(nodes)

    def truncate(self, length: int) -> None:
        self._forward.truncate(length)

    def _kept(self, output: StepOutput) -> StepOutput:
        # Cloned: a forward may reuse what it returns.
        self.hidden.append(output.hidden.clone())
        self.logits.append(output.logits.clone())
        return output


class _LoggedForward:
    """Answers from a log. A row's hidden state is its place in the log, for the heads to look up.

    A node is answered as if it were on the logged text: of nodes that are not, nothing is ever
    accepted.
    """

    def __init__(self, log: ReplyLog) -> None:
        self._logits = log.logits
        self._answered = log.logits.shape[0]
        self.context_tokens = len(log.prompt) + len(log.reply)
        self.threads = StepThreads()
        self.vocabulary = log.logits.shape[1]
        self.device = log.logits.device
        self.length = 0

    def step(self, tokens: Tensor, tree: Tree) -> StepOutput:
        del tokens  # a node's place says what was answered
        return self._rows(self.length + tree.depths)

    def extend(self, tokens: Tensor, rows: int = 1) -> StepOutput:
        self.length += tokens.shape[0]
        return self._rows(torch.arange(self.length - rows, self.length, device=self.device))

    def compact(self, nodes: Sequence[int]) -> None:
        self.length += len(nodes)

    def truncate(self, length: int) -> None:
        self.length = length

    def _rows(self, places: Tensor) -> StepOutput:
        places = places.clamp(max=self._answered - 1)
        return StepOutput(places[:, None].double(), self._logits[places])


def _no_text(_ids: list[int]) -> str:
    return ""
