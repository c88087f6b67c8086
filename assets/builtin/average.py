"""Averages the weights of checkpoints of `make.py`, each from the end of a run, into its base.

    python average.py OUTPUT STEP[=WEIGHT] ...

`OUTPUT` is the folder that `make.py` was given; `OUTPUT/base` is written anew. Runs that went on
from one another, each down to a rate of nothing, forget different things; their average keeps more
of it than the last one (Wortsman et al. 2022, "Model soups").
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from make import export, make_model
from transformers import PreTrainedTokenizerFast

Weights = dict[str, torch.Tensor]


def average(parts: list[tuple[Weights, float]]) -> Weights:
    """Average weights of the same names and shapes, each by its share of the sum of the numbers."""
    whole = sum(number for _, number in parts)
    return {
        name: sum((weights[name] * (number / whole) for weights, number in parts), torch.zeros(()))
        for name in parts[0][0]
    }


def _part(text: str) -> tuple[int, float]:
    step, _, number = text.partition("=")
    return int(step), float(number or 1)


def main() -> None:
    """Average the checkpoints of the steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="the folder that make.py wrote")
    parser.add_argument("steps", type=_part, nargs="+", metavar="STEP[=WEIGHT]")
    args = parser.parse_args()
    parts = []
    for step, number in args.steps:
        path = args.output / "checkpoints" / f"{step:06}.pt"
        parts.append((torch.load(path, weights_only=True)["model"], number))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(args.output / "tokenizer")
    model = make_model(tokenizer)
    model.load_state_dict(average(parts))
    export(model, tokenizer, args.output / "base")


if __name__ == "__main__":
    main()
