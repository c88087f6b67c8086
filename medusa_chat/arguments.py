"""The command line's options and commands. Imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Container, Mapping
from typing import NoReturn, get_args

from medusa_chat import __version__
from medusa_chat.configuration.fields import THEMES
from medusa_chat.settings import BUILTIN, Acceptance, DraftSources, DType

NAME = "medusa-chat"
COMMANDS = (
    "run",
    "chats",
    "export",
    "import",
    "models",
    "bench",
    "tune",
    "train",
    "distill",
    "convert",
    "push",
    "doctor",
    "completion",
)
SHELLS = ("bash", "zsh", "fish")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in two lines, instead of listing every option."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end."""
        self.exit(2, f"{self.prog}: {message}\nSee {self.prog} --help.\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    # An option that is not given leaves no trace, so that those before a command reach it.
    whole = Parser(
        prog=NAME,
        description="Chat with a language model that guesses ahead: Medusa decoding, live. "
        'medusa-chat "A question?" opens a new chat with it; one of one word, or without '
        "quotes, goes behind --.",
        argument_default=argparse.SUPPRESS,
        # Else a command's --to would be half of --top-p.
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"medusa-chat {__version__}")
    add_chat_options(whole)
    commands = whole.add_subparsers(
        dest="command",
        metavar=f"[{' | '.join(COMMANDS)}]",
    )
    run = commands.add_parser(
        "run",
        help="answer a prompt on stdout, for pipes and scripts",
        argument_default=argparse.SUPPRESS,
    )
    run.add_argument("prompt", nargs="?", default=None, help="the prompt; - or none reads stdin")
    run.add_argument(
        "--prompts",
        metavar="FILE.jsonl",
        help='a line each of {"prompt": ...} or {"messages": [...]}, with an "id" if you like',
    )
    run.add_argument("--json", action="store_true", help="one JSON object an answer")
    # A command's list would replace the one from before it, so it has a name of its own.
    _add_options(run, stop="run_stop")
    from medusa_chat.chats.arguments import add_commands

    add_commands(commands)
    models = commands.add_parser("models", help="what is here and what fits; fetch, remove, verify")
    from medusa_chat.library.arguments import add_arguments as add_models_arguments

    add_models_arguments(models)
    from medusa_chat.benchmark import arguments as bench_arguments

    bench = commands.add_parser(
        "bench",
        help="measure what Medusa brings on this machine",
        description=bench_arguments.DESCRIPTION,
        argument_default=argparse.SUPPRESS,
    )
    bench_arguments.add_arguments(bench)
    _add_options(
        bench,
        stop="run_stop",
        defaults=bench_arguments.DECODE_DEFAULTS,
        unfit=bench_arguments.UNFIT,
    )
    from medusa_chat.tuning import arguments as tune_arguments

    tune = commands.add_parser(
        "tune",
        help="find the trees that pay with a model on this machine",
        description=tune_arguments.DESCRIPTION,
        argument_default=argparse.SUPPRESS,
    )
    tune_arguments.add_arguments(tune)
    _add_options(
        tune,
        stop="run_stop",
        defaults=tune_arguments.DECODE_DEFAULTS,
        unfit=tune_arguments.UNFIT,
    )
    from medusa_chat.training import arguments as train_arguments

    train = commands.add_parser(
        "train",
        help="train Medusa heads for a model",
        description=train_arguments.DESCRIPTION,
    )
    train_arguments.add_arguments(train)
    from medusa_chat.publishing import arguments as publishing_arguments

    convert = commands.add_parser(
        "convert",
        help="write heads in another layout, for vLLM and others too",
        description=publishing_arguments.CONVERT_DESCRIPTION,
    )
    publishing_arguments.add_convert_arguments(convert)
    push = commands.add_parser(
        "push",
        help="upload a model to the Hub, with a card of measured figures",
        description=publishing_arguments.PUSH_DESCRIPTION,
    )
    publishing_arguments.add_push_arguments(push)
    from medusa_chat.distillation import arguments as distill_arguments

    distill = commands.add_parser(
        "distill",
        help="have a model write the data that its heads learn from",
        description=distill_arguments.DESCRIPTION,
        argument_default=argparse.SUPPRESS,
    )
    distill_arguments.add_arguments(distill)
    _add_options(
        distill,
        stop="run_stop",
        defaults=distill_arguments.DECODE_DEFAULTS,
        unfit=distill_arguments.UNFIT,
    )
    doctor = commands.add_parser("doctor", help="say what works on this machine, and what to mend")
    from medusa_chat.doctor.arguments import add_arguments as add_doctor_arguments

    add_doctor_arguments(doctor)
    completion = commands.add_parser(
        "completion",
        help="print what completes this command line in a shell",
        description="Print a script for a shell. For bash: medusa-chat completion bash >> "
        "~/.bash_completion; for zsh: into a file _medusa-chat in a folder of fpath; for fish: "
        "into ~/.config/fish/completions/medusa-chat.fish.",
    )
    completion.add_argument("shell", choices=SHELLS)
    return whole


def add_chat_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the chat itself."""
    chat = parser.add_argument_group("chat")
    which = chat.add_mutually_exclusive_group()
    which.add_argument(
        "--continue", action="store_true", help="go on with the latest chat, not with a new one"
    )
    which.add_argument(
        "--ephemeral", action="store_true", help="keep chats in memory alone; nothing is saved"
    )
    chat.add_argument("--theme", choices=THEMES, help="the colours (default: the settings file's)")
    _add_options(parser, stop="stop")


def _add_options(
    parser: argparse.ArgumentParser,
    *,
    stop: str,
    defaults: Mapping[str, object] = {},
    unfit: Container[str] = (),
) -> None:
    """Add the options of a model and of decoding.

    ``defaults`` are those of this command alone, ``unfit`` what it refuses, and does not offer.
    """

    def said(name: str, words: str = "", default: object = None) -> str | None:
        default = defaults.get(name, default)
        parts = [words, "" if default is None else f"default: {default}"]
        return "; ".join(part for part in parts if part) or None

    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", metavar="ID|PATH", help=f"a Hub id or a folder (default: {BUILTIN})"
    )
    model.add_argument("--base-model", metavar="ID|PATH", help="the base, if not the heads' own")
    quantization = model.add_mutually_exclusive_group()
    for bits in ("8bit", "4bit"):
        quantization.add_argument(
            f"--load-in-{bits}",
            dest="quantization",
            action="store_const",
            const=bits,
            help=f"load the weights in {bits[0]} bits, by bitsandbytes",
        )
    quantization.add_argument(
        "--load-in-fp8",
        dest="quantization",
        action="store_const",
        const="fp8",
        help="load the weights of a Llama-like model in 8-bit floats (Ada, Hopper or newer GPUs)",
    )
    model.add_argument(
        "--heads-in-8bit",
        dest="head_precision",
        action="store_const",
        const="8bit",
        help="keep the heads in 8 bits: less memory, the same text",
    )
    model.add_argument("--dtype", choices=get_args(DType), help="default: auto")
    model.add_argument("--device", metavar="auto|cpu|cuda[:N]", help="default: auto")
    model.add_argument(
        "--context",
        dest="context_tokens",
        type=int,
        metavar="N",
        help="most tokens of a conversation (default: as many as the model has)",
    )
    model.add_argument(
        "--template", metavar="FAMILY", help="the chat template of a model that has none"
    )
    decoding = parser.add_argument_group("decoding")
    medusa = decoding.add_mutually_exclusive_group()
    medusa.add_argument("--no-medusa", action="store_true", help="decode plainly")
    medusa.add_argument(
        "--medusa", action="store_true", help="decode with Medusa, whatever the settings file says"
    )
    decoding.add_argument(
        "--tree",
        metavar="TREE",
        help="auto, dynamic, chain, root, a preset's name, or a JSON file with a list of paths",
    )
    decoding.add_argument("--tree-size", type=int, metavar="N", help="nodes, the root included")
    decoding.add_argument(
        "--draft",
        choices=get_args(DraftSources),
        help="what guesses are made from: heads, with a bigram table, with lookup (default: all)",
    )
    decoding.add_argument(
        "--acceptance", choices=get_args(Acceptance), help=said("acceptance", default="exact")
    )
    for name, symbol in (("posterior-threshold", "EPSILON"), ("posterior-alpha", "DELTA")):
        decoding.add_argument(
            f"--{name}", type=float, metavar=symbol, help=said(name.replace("-", "_"))
        )
    decoding.add_argument(
        "--temperature", type=float, metavar="T", help=said("temperature", "0 is greedy")
    )
    decoding.add_argument("--top-p", type=float, metavar="P")
    decoding.add_argument("--top-k", type=int, metavar="K")
    decoding.add_argument(
        "--repetition-penalty",
        type=float,
        metavar="R",
        help="above 1: tokens that were used are less likely",
    )
    decoding.add_argument(
        "--seed", type=int, metavar="N", help=said("seed", default="fresh for each reply")
    )
    decoding.add_argument(
        "--max-new-tokens", type=int, metavar="N", help=said("max_new_tokens", default=512)
    )
    decoding.add_argument(
        "--stop", dest=stop, action="append", metavar="TEXT", help="ends a reply; repeatable"
    )
    decoding.add_argument("--ignore-eos", action="store_true", help="go on after an end of text")
    decoding.add_argument("--raw", action="store_true", help="continue the prompt, no template")
    decoding.add_argument("--system", metavar="TEXT", help="the system message")
    for action in parser._actions:
        if action.dest in unfit:
            action.help = argparse.SUPPRESS
