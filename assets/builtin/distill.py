"""Rewrites the answers of chats by the model that heads are to be trained for.

    python distill.py --base DIR/base --chats DIR/chats.jsonl --output DIR/distilled.jsonl

What heads guess is the model's own text, so that is what they learn best from: each chat is cut
before one of its answers, and the model writes it, every other one greedily.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import random
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

_AT_ONCE = 64
_SORTED_AT_ONCE = 4096


def prompts(path: Path, count: int, seed: int) -> list[list[dict[str, str]]]:
    """Return ``count`` chats, each cut before one of its answers."""
    draws = random.Random(seed)  # noqa: S311  # no secret
    with path.open(encoding="utf-8") as lines:
        chats = [json.loads(line)["messages"] for line in lines]
    draws.shuffle(chats)
    cut = []
    for chat in chats[:count]:
        answers = [at for at, message in enumerate(chat) if message["role"] == "assistant"]
        cut.append(chat[: draws.choice(answers)])
    return cut


@torch.inference_mode()
def main() -> None:
    """Write the chats, a line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--chats", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--answers", type=int, default=24000)
    parser.add_argument("--max-new-tokens", type=int, default=120)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    tokenizer = AutoTokenizer.from_pretrained(args.base, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(args.base, dtype=torch.float32).eval()
    chats = prompts(args.chats, args.answers, args.seed)
    room = model.config.max_position_embeddings - args.max_new_tokens
    with args.output.open("w", encoding="utf-8") as output:
        for start in range(0, len(chats), _SORTED_AT_ONCE):
            some = sorted(chats[start : start + _SORTED_AT_ONCE], key=lambda chat: len(str(chat)))
            for number, first in enumerate(range(0, len(some), _AT_ONCE)):
                batch = some[first : first + _AT_ONCE]
                ids = tokenizer.apply_chat_template(
                    batch, add_generation_prompt=True, padding=True, truncation=True,
                    max_length=room, return_tensors="pt", return_dict=True,
                )  # fmt: skip
                greedy = number % 2 == 0
                written = model.generate(
                    **ids,
                    max_new_tokens=args.max_new_tokens,
                    do_sample=not greedy,
                    temperature=None if greedy else args.temperature,
                    top_k=None,
                    top_p=None,
                )
                answers = tokenizer.batch_decode(
                    written[:, ids["input_ids"].shape[1] :], skip_special_tokens=True
                )
                for chat, answer in zip(batch, answers, strict=True):
                    if answer.strip():
                        messages = [*chat, {"role": "assistant", "content": answer}]
                        output.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
            print(f"{start + len(some)} of {len(chats)}", flush=True)


if __name__ == "__main__":
    main()
