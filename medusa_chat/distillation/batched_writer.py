"""Many answers at once, decoded plainly by transformers' own forward, padded at the left.

A row's draws are a function of its own seed and positions alone, as in the program's own decoding:
the same question and seed have the same answer in any batch, or none. Rows that have ended leave
the batch. Shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from medusa_chat.decoding.gumbel import GumbelNoise, key_of
from medusa_chat.decoding.reply_output import Ending, ReplyOutput
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.distillation.writer import Came, InterruptedWritingError, Question, Reply, unheeded
from medusa_chat.errors import ModelError
from medusa_chat.models.device import USUAL_THREADS
from medusa_chat.models.loader import LoadedModel
from medusa_chat.models.memory_growth import release_memory
from medusa_chat.models.out_of_memory import is_out_of_memory
from medusa_chat.settings import DecodeSettings

_LEAVE_AT = 0.75
"""Of the rows, when those that have ended are taken out: it copies the cache."""
_CHECK_TOKENS = 11
_CHECK_PADDING = 5
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 0.03, torch.bfloat16: 0.1}
_QUANTIZED_TOLERANCE = 0.2


class _Row:
    """One answer while it is written."""

    def __init__(
        self, place: int, question: Question, prompt: list[int], output: ReplyOutput
    ) -> None:
        self.place = place
        """Of its question, among those that are asked."""
        self.question = question
        self.prompt = prompt
        self.output = output
        self.key = key_of(question.seed)

    @property
    def position(self) -> int:
        """Of the token that comes next."""
        return len(self.prompt) + self.output.tokens

    def ends_with(self, token: int) -> bool:
        """Take the next token; return whether it is the last one."""
        self.output.push(token, root=True)
        return self.output.stop_reason is not None


class BatchedWriter:
    """Writes up to ``at_once`` answers at a time by the base of ``model``.

    It halves that when memory runs out. Raises ModelError for settings that it cannot follow.
    """

    def __init__(self, model: LoadedModel, decode: DecodeSettings, at_once: int) -> None:
        assert decode.repetition_penalty == 1, "rows have no penalties of their own"
        self.at_once = at_once
        self._model = model
        self._decode = decode
        self._base = model.base
        parameters = inspect.signature(self._base.forward).parameters
        self._takes_positions = "position_ids" in parameters
        self._trims_logits = "logits_to_keep" in parameters
        self._device: torch.device = self._base.get_input_embeddings().weight.device
        self._context = model.decoder.forward.context_tokens
        self._vocabulary = model.decoder.forward.vocabulary
        if self._device.type == "cpu":
            # A step of one row is fastest on a single thread; one of many rows is not.
            torch.set_num_threads(USUAL_THREADS)

    @property
    def words(self) -> str:
        """How it writes, for people."""
        return f"{self.at_once} answers at once, plainly"

    def replies(
        self, questions: Sequence[Question], cancelled: Callable[[], bool], came: Came = unheeded
    ) -> list[Reply]:
        """Return the replies. Raises InterruptedWritingError, and ModelError out of memory."""
        replies: list[Reply | None] = [None] * len(questions)

        def take(at: int, reply: Reply) -> None:
            replies[at] = reply
            came(at, reply)

        rows: list[_Row] = []
        for at, question in enumerate(questions):
            row = self._row(at, question)
            if isinstance(row, Reply):
                take(at, row)
            else:
                rows.append(row)
        waiting = [rows[at : at + self.at_once] for at in range(0, len(rows), self.at_once)]
        while waiting:
            batch = waiting.pop(0)
            try:
                self._write(batch, cancelled, lambda row: take(row.place, self._reply(row)))
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise ModelError(
                        "Not even one answer fits in memory: give a smaller --max-new-tokens or "
                        "--context, or --batch-size 1."
                    ) from error
                release_memory()
                half = (len(batch) + 1) // 2
                self.at_once = min(self.at_once, half)
                again = [self._fresh(row) for row in batch if replies[row.place] is None]
                waiting[:0] = [again[at : at + half] for at in range(0, len(again), half)]
        return [reply for reply in replies if reply is not None]

    def _row(self, at: int, question: Question) -> _Row | Reply:
        chat_format = self._model.format
        messages = [{"role": one.role, "content": one.content} for one in question.messages]
        try:
            prompt = chat_format.encode(messages)
        except ModelError as error:
            return Reply("", "refused", reason=str(error))
        if max(prompt) >= self._vocabulary:
            return Reply("", "refused", reason=f"token {max(prompt)} is none of the model's")
        if len(prompt) >= self._context:
            return Reply("", "no room", reason=f"{len(prompt)} tokens fill the context")
        return _Row(at, question, prompt, self._output(prompt))

    def _fresh(self, row: _Row) -> _Row:
        return _Row(row.place, row.question, row.prompt, self._output(row.prompt))

    def _output(self, prompt: list[int]) -> ReplyOutput:
        chat_format, decode = self._model.format, self._decode
        ending = Ending(chat_format.turn_ids, decode.stop + chat_format.stop, decode.max_new_tokens)
        # Text is made at each token only where it may hold what ends the answer.
        decoder = chat_format.decode if ending.stop else _no_text
        return ReplyOutput(ending, self._context - len(prompt), decoder)

    def _reply(self, row: _Row) -> Reply:
        output, chat_format = row.output, self._model.format
        if output.stop_reason == "stop":
            text = "".join(self._shown(row))
        else:
            ids = output.token_ids
            text = chat_format.decode(ids[:-1] if output.stop_reason == "eos" else ids)
        whole = output.stop_reason in ("eos", "stop")
        text = chat_format.reply_opening + text
        return Reply(text, "end" if whole else "truncated", output.tokens)

    def _shown(self, row: _Row) -> list[str]:
        """Return the answer's text up to the text that stopped it."""
        output = self._output(row.prompt)
        return [output.push(token, root=True) for token in row.output.token_ids]

    @torch.inference_mode()
    def _write(
        self, rows: list[_Row], cancelled: Callable[[], bool], ended: Callable[[_Row], None]
    ) -> None:
        """Write ``rows`` to their ends; ``ended`` is given each when it is there."""
        from transformers import DynamicCache

        cache = DynamicCache(config=self._base.config)
        ids, mask = _padded([row.prompt for row in rows], self._device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        while True:
            if cancelled():
                raise InterruptedWritingError
            logits = self._forward(ids, mask, positions, cache)
            tokens = self._choose(logits, rows)
            for row, token in zip(rows, tokens.tolist(), strict=True):
                if row.output.stop_reason is None and row.ends_with(token):
                    ended(row)
            left = [at for at, row in enumerate(rows) if row.output.stop_reason is None]
            if not left:
                return
            if len(left) <= _LEAVE_AT * len(rows):
                # On the host: of several devices each has its layers' part of the cache.
                kept = torch.tensor(left)
                cache.batch_select_indices(kept)
                rows = [rows[at] for at in left]
                tokens, mask = tokens[kept], mask[kept]
            ids = tokens[:, None]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], -1)
            # Of rows that have ended any position will do.
            last = [min(row.position, self._context) - 1 for row in rows]
            positions = torch.tensor(last, device=self._device)[:, None]

    def _forward(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        """Run ``ids`` [B, T] behind what ``cache`` holds; return the last tokens' logits [B, V]."""
        options: dict[str, Any] = {}
        if self._takes_positions:
            options["position_ids"] = positions
        if self._trims_logits:
            options["logits_to_keep"] = 1
        output = self._base(
            input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **options
        )
        logits: Tensor = output.logits[:, -1].to(self._device)
        return logits.float()

    def _choose(self, logits: Tensor, rows: list[_Row]) -> Tensor:
        """Return the next token [B] of each row, by its own temperature and noise."""
        chosen = logits.argmax(-1)
        drawn = [at for at, row in enumerate(rows) if row.question.temperature > 0]
        for temperature in sorted({rows[at].question.temperature for at in drawn}):
            some = [at for at in drawn if rows[at].question.temperature == temperature]
            keys = torch.tensor([rows[at].key for at in some], device=self._device)
            positions = torch.tensor([rows[at].position for at in some], device=self._device)
            noise = GumbelNoise(keys, self._vocabulary, self._device).rows(positions)
            sampling = Sampling(temperature, self._decode.top_k, self._decode.top_p)
            where = torch.tensor(some, device=self._device)
            chosen[where] = sampling.choose(logits[where], noise)
        return chosen

    @torch.inference_mode()
    def padding_defect(self) -> str | None:
        """Return why rows padded at the left come out wrongly; None where they do not."""
        from transformers import DynamicCache

        long = [(7919 * at) % self._vocabulary for at in range(1, _CHECK_TOKENS + 1)]
        prompts = [long, long[_CHECK_PADDING:]]
        further = torch.tensor([[3 % self._vocabulary]] * 2, device=self._device)

        def logits(some: list[list[int]]) -> Tensor:
            cache = DynamicCache(config=self._base.config)
            ids, mask = _padded(some, self._device)
            positions = (mask.cumsum(-1) - 1).clamp(min=0)
            first = self._forward(ids, mask, positions, cache)
            mask = torch.cat([mask, mask.new_ones(len(some), 1)], -1)
            second = self._forward(further[: len(some)], mask, positions[:, -1:] + 1, cache)
            return torch.cat([first, second], -1)

        try:
            together, alone = logits(prompts)[1], logits(prompts[1:])[0]
        except Exception as error:  # a model's own code fails in ways of its own
            if isinstance(error, (MemoryError, RuntimeError)) and is_out_of_memory(error):
                raise
            words = " ".join(str(error).split()) or type(error).__name__
            return f"a first run failed ({words[:120]})"
        difference = ((together - alone).norm() / alone.norm().clamp(min=1e-30)).item()
        quantized = getattr(self._base, "is_quantized", False)
        allowed = _QUANTIZED_TOLERANCE if quantized else _TOLERANCE[self._base.dtype]
        if difference <= allowed:
            return None
        return f"padded rows come out differently (relative error {difference:.2g})"


def _padded(prompts: Sequence[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids [B, T], padded at the left, and the mask [B, T] of what is none of that."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(one)) + one for one in prompts], device=device)
    mask = torch.tensor(
        [[0] * (width - len(one)) + [1] * len(one) for one in prompts], device=device
    )
    return ids, mask


def _no_text(_ids: list[int]) -> str:
    return ""
