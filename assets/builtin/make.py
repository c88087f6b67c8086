"""Makes the base of the built-in demo model: a tokenizer, and a small Llama trained from scratch.

    python make.py --data DIR --output DIR

`--data` holds the sources that `corpus.py` reads. `--output` gets `base/` (the model in the Hugging
Face layout, renewed at every checkpoint), `checkpoints/` (to resume from), `tokenizer/` (made once,
and kept by all runs that go on), `settings.json` (the options), `chats.jsonl` (what it was trained
on) and `heldout.jsonl` (prompts that were not). Two processor cores take about an hour and ten
minutes. A run that was stopped goes on where it was; given fewer `--steps`, it begins to lower the
learning rate earlier. The heads come after it, as the README beside this file says.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import itertools
import json
import math
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attention
import corpus as corpora
import numpy as np
import torch
from muon import StackedMuon
from rows import WIDTHS, endless
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

if TYPE_CHECKING:
    from corpus import Corpus
    from grammar.words import Chat
    from rows import Document

VOCABULARY = 4096
POSITIONS = WIDTHS[-1]
HELD_OUT_BATCHES = 8
SPECIALS = ["<|begin|>", "<|end|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>"]
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
# Words with the space before them; every digit by itself.
SPLIT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def make_tokenizer(chats: list[Chat]) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer on the chats, with the chat template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIALS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        (message["content"] for chat in chats for message in chat), trainer
    )
    begin = tokenizer.token_to_id("<|begin|>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", pair="<|begin|> $A $B:1", special_tokens=[("<|begin|>", begin)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=SPECIALS[0],
        eos_token=SPECIALS[1],
        pad_token=SPECIALS[2],
        additional_special_tokens=SPECIALS[3:],
        chat_template=CHAT_TEMPLATE,
        model_max_length=POSITIONS,
        clean_up_tokenization_spaces=False,
    )


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Save the tokenizer, its configuration in words that every transformers since 4 knows."""
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    for name in ("backend", "extra_special_tokens", "is_local", "local_files_only"):
        settings.pop(name, None)
    settings["additional_special_tokens"] = SPECIALS[3:]
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def encode(
    tokenizer: PreTrainedTokenizerFast, chats: list[Chat], user_weight: float
) -> list[Document]:
    """Turn each chat into its tokens and their weights in the loss."""
    begin, end = tokenizer.convert_tokens_to_ids(["<|begin|>", "<|end|>"])
    roles = {
        role: tokenizer.convert_tokens_to_ids(f"<|{role}|>")
        for role in ("system", "user", "assistant")
    }
    contents = [message["content"] for chat in chats for message in chat]
    pieces = iter(tokenizer.backend_tokenizer.encode_batch(contents, add_special_tokens=False))
    encoded = []
    for chat in chats:
        tokens, weights = [begin], [0.0]
        for message in chat:
            ids = next(pieces).ids
            tokens += [roles[message["role"]], *ids, end]
            weight = 1.0 if message["role"] == "assistant" else user_weight
            weights += [0.0, *[weight] * (len(ids) + 1)]
        encoded.append((np.array(tokens, dtype=np.uint16), np.array(weights, dtype=np.float32)))
    return encoded


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Make the untrained model."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        rms_norm_eps=1e-5,
    )
    return LlamaForCausalLM._from_config(config, attn_implementation=attention.NAME)


def weighted_loss(
    model: torch.nn.Module, tokens: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the mean loss by weight, and the one on what the assistant says alone."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(input_ids=tokens, use_cache=False).logits
    losses = functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), tokens[:, 1:].flatten(), reduction="none"
    )
    weights = weights[:, 1:].flatten()
    said = weights == 1.0
    mean = (losses * weights).sum() / weights.sum().clamp(min=1.0)
    return mean, (losses.detach() * said).sum() / said.sum().clamp(min=1)


def learning_rate(step: int, args: argparse.Namespace) -> float:
    """Compute the share of the peak rate: a warm-up, constant, then down to nothing."""
    up: float = (step + 1) / args.warmup
    down: float = (args.steps - step) / args.decay_steps
    return min(up, 1.0) * min(max(down, 0.0), 1.0)


def make_optimizers(
    model: LlamaForCausalLM, args: argparse.Namespace
) -> list[torch.optim.Optimizer]:
    """Make the optimizers: Muon for the matrices inside the layers, AdamW for the rest."""
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    vectors = [weight for weight in model.parameters() if weight.ndim == 1]
    embedding = [model.get_input_embeddings().weight]
    rest = [{"params": embedding, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    muon = StackedMuon(matrices, lr=args.lr, weight_decay=0.1, momentum=0.95, compiled=args.compile)
    adamw = torch.optim.AdamW(rest, lr=args.lr, betas=(0.9, 0.95), fused=True)
    return [muon, adamw]


def export(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model in bf16: beside the folder first, then in its place."""
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    copy = LlamaForCausalLM(model.config).to(torch.bfloat16)
    copy.load_state_dict(model.state_dict())
    copy.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    copy.save_pretrained(fresh)
    (fresh / "model.safetensors").chmod(0o644)
    save_tokenizer(tokenizer, fresh)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def train(tokenizer: PreTrainedTokenizerFast, corpus: Corpus, args: argparse.Namespace) -> None:
    """Train the model, from the newest checkpoint where there is one."""
    documents = encode(tokenizer, corpus.train, args.user_weight)
    batches = endless(documents, tokenizer.pad_token_id, args.batch_tokens, args.seed)
    unseen = encode(tokenizer, corpus.held_out, args.user_weight)
    held_out = list(
        itertools.islice(
            endless(unseen, tokenizer.pad_token_id, args.batch_tokens, args.seed), HELD_OUT_BATCHES
        )
    )
    tokens = sum(len(tokens) for tokens, _ in documents)
    print(f"{len(documents)} chats, {tokens} tokens a round", flush=True)
    torch.manual_seed(args.seed)
    model = make_model(tokenizer)
    print(f"{sum(weight.numel() for weight in model.parameters())} parameters", flush=True)
    optimizers = make_optimizers(model, args)
    checkpoints = args.output / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    step = 0
    if found := sorted(checkpoints.glob("*.pt")):
        state = torch.load(found[-1], weights_only=True)
        step = state["step"]
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        batches = itertools.islice(batches, step, None)
        print(f"resumed at step {step}", flush=True)
    step_loss = torch.compile(weighted_loss, dynamic=False) if args.compile else weighted_loss

    def save() -> None:
        with torch.no_grad():
            losses = [weighted_loss(model, one.tokens, one.weights)[1] for one in held_out]
        loss = sum(one.item() for one in losses) / len(losses)
        print(f"step {step}: held-out loss {loss:.4f}, saved", flush=True)
        state = {
            "step": step,
            "model": model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        }
        path = checkpoints / f"{step:06}.pt"
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)
        export(model, tokenizer, args.output / "base")

    begun = saved_at = printed_at = time.monotonic()
    first, total, mean = step, 0, 0.0
    while step < args.steps:
        share = learning_rate(step, args)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = args.lr * share
        batch = next(batches)
        loss, said = step_loss(model, batch.tokens, batch.weights)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        mean += (said.item() - mean) / (total + 1)
        total += 1
        step += 1
        if step % args.log_steps == 0 or step == args.steps:
            now = time.monotonic()
            left = (args.steps - step) * (now - begun) / (step - first) / 60
            speed = total * args.batch_tokens / (now - printed_at)
            print(
                f"step {step}/{args.steps} loss {mean:.4f} lr {args.lr * share:.2e} "
                f"{speed:.0f} tokens/s {(now - begun) / 60:.1f} min, {left:.1f} left",
                flush=True,
            )
            total, mean, printed_at = 0, 0.0, now
            if not math.isfinite(loss.item()):
                raise SystemExit("the loss is not finite")
        if args.save_minutes and time.monotonic() - saved_at > args.save_minutes * 60:
            save()
            saved_at = time.monotonic()
    if args.save_minutes:
        save()


def main() -> None:
    """Make the corpus, the tokenizer and the model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the sources")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="folder for the model, checkpoints and held-out prompts",
    )
    parser.add_argument("--steps", type=int, default=8600)
    parser.add_argument(
        "--decay-steps",
        type=int,
        default=6000,
        help="steps at the end over which the learning rate falls",
    )
    parser.add_argument("--warmup", type=int, default=60)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument(
        "--user-weight", type=float, default=0.3, help="weight in the loss of what the user says"
    )
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-steps", type=int, default=50)
    parser.add_argument(
        "--save-minutes",
        type=float,
        default=4.0,
        help="minutes between checkpoints; 0 for none at all",
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.output.mkdir(parents=True, exist_ok=True)

    corpus = corpora.build(args.data, args.seed)
    corpora.write_chats(corpus, args.output / "chats.jsonl")
    corpora.write_prompts(corpus, args.output / "heldout.jsonl")
    folder = args.output / "tokenizer"
    if not folder.exists():
        save_tokenizer(make_tokenizer(corpus.train[::3]), folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    (args.output / "settings.json").write_text(
        json.dumps({key: str(value) for key, value in vars(args).items()}, indent=1)
    )
    train(tokenizer, corpus, args)


if __name__ == "__main__":
    main()
