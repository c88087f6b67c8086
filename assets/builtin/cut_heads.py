"""Keeps of heads' output matrices the rows of the tokens that the model says most often.

    python cut_heads.py --heads DIR/heads --base DIR/base --chats DIR/distilled.jsonl \
        --output DIR/medusa

What heads guess rightly is nearly always a common token, and a third of the rows cost a third of
the time. The layout is vLLM's, which has a map from rows to tokens.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer


def common_tokens(base: Path, chats: Path, count: int) -> list[int]:
    """Return the ``count`` commonest tokens of the answers, and the end of an answer, ascending."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    counted: Counter[int] = Counter()
    with chats.open(encoding="utf-8") as lines:
        for line in lines:
            answer = json.loads(line)["messages"][-1]["content"]
            counted.update(tokenizer(answer, add_special_tokens=False)["input_ids"])
    counted[tokenizer.convert_tokens_to_ids("<|end|>")] = 1 << 40
    return sorted(token for token, _ in counted.most_common(count))


def main() -> None:
    """Write the heads that are left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--heads", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--chats", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=1280)
    args = parser.parse_args()
    kept = torch.tensor(common_tokens(args.base, args.chats, args.tokens))
    tensors = {"token_map": kept}
    heads = set()
    for name, tensor in load_file(args.heads / "medusa_lm_head.safetensors").items():
        head, place, *rest = name.split(".")
        heads.add(head)
        if rest[0] == "linear":
            tensors[f"blocks.{head}.layers.{place}.{rest[1]}"] = tensor
        else:
            tensors[f"lm_heads.{head}.weight"] = tensor[kept].contiguous()
    width = tensors["lm_heads.0.weight"].shape[1]
    layers = {name.split(".")[3] for name in tensors if name.startswith("blocks.")}
    base_rows = len(AutoTokenizer.from_pretrained(args.base))
    config = {
        "architectures": ["MedusaModel"],
        "model_type": "medusa",
        "base_model_name_or_path": "../base",
        "hidden_size": width,
        "num_heads": len(heads),
        "num_hidden_layers": len(layers),
        "vocab_size": base_rows,
        "truncated_vocab_size": len(kept),
        "medusa_fc_bias": True,
    }
    args.output.mkdir(parents=True, exist_ok=True)
    save_file(tensors, args.output / "model.safetensors")
    (args.output / "config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
