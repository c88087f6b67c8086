"""The command line. Imports nothing heavy: ``--version`` and a typing error answer at once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args

from medusa_chat import __version__, log
from medusa_chat.errors import MedusaChatError, UsageError
from medusa_chat.printable import printable
from medusa_chat.settings import (
    BUILTIN,
    Acceptance,
    DecodeSettings,
    DraftSources,
    DType,
    ModelSettings,
)

_NAME = "medusa-chat"
_COMMANDS = ("run", "chats", "export", "import", "models", "bench", "tune", "train", "doctor")
_MODEL_FIELDS = (
    "model",
    "base_model",
    "quantization",
    "dtype",
    "device",
    "head_precision",
    "context_tokens",
    "template",
)
_DECODE_FIELDS = (
    "tree",
    "tree_size",
    "draft",
    "acceptance",
    "posterior_threshold",
    "posterior_alpha",
    "temperature",
    "top_p",
    "top_k",
    "repetition_penalty",
    "seed",
    "max_new_tokens",
    "ignore_eos",
    "raw",
    "system",
)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in two lines, instead of listing every option."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\nSee {self.prog} --help.\n")


class _Reader(argparse.ArgumentParser):
    """Tries arguments, and leaves it to the other parser to say what is wrong with them."""

    def error(self, message: str) -> NoReturn:
        raise argparse.ArgumentError(None, message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status; what fails is said in a line or two."""
    for stream, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, stream) is None:  # started without it
            setattr(sys, stream, Path(os.devnull).open(mode))  # noqa: SIM115
    try:
        return _dispatch(_parsed(sys.argv[1:] if argv is None else list(argv)))
    except MedusaChatError as error:
        # A message may quote what a model's files say.
        print(f"medusa-chat: {printable(str(error))}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of stdout has gone. Python would say so once more at exit, in a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001  # a person is never shown a traceback
        print(f"medusa-chat: {printable(log.record(error))}", file=sys.stderr)
        return 1


def _parsed(argv: list[str]) -> argparse.Namespace:
    """Return the options; text in the place of a command is a question, for the chat to open with.

    One word is more likely a command misspelt: it is a question behind ``--``.
    """
    options = _Reader(add_help=False, argument_default=argparse.SUPPRESS, exit_on_error=False)
    _add_chat_options(options)
    cut = argv.index("--") if "--" in argv else len(argv)
    try:
        arguments, others = options.parse_known_args(argv[:cut])
    except argparse.ArgumentError as error:
        if argv and _is_question(argv[0]):
            _Parser(prog=_NAME).error(str(error))
        return _parser().parse_args(argv)  # which says what is wrong
    others += argv[cut + 1 :]
    if len(others) == 1:
        (word,) = others
        if cut < len(argv) or _is_question(word):
            return argparse.Namespace(**vars(arguments), question=word)
        if word not in _COMMANDS and not word.startswith("-"):
            raise UsageError(
                f"{word!r} is no command: there are {', '.join(_COMMANDS)}.\n"
                f"To ask the model: {_NAME} -- {word}"
            )
    return _parser().parse_args(argv)


def _is_question(text: str) -> bool:
    return not text.startswith("-") and not text.replace("-", "").replace("_", "").isalnum()


def _dispatch(arguments: argparse.Namespace) -> int:
    command = getattr(arguments, "command", None)
    if command is not None:
        for option in ("continue", "ephemeral"):
            if hasattr(arguments, option):
                raise UsageError(f"--{option} is for the chat: medusa-chat {command} knows none.")
    if command in ("chats", "export", "import"):
        from medusa_chat.chats.command import run as chats

        return chats(arguments)
    if command == "train":
        from medusa_chat.training.arguments import from_namespace
        from medusa_chat.training.command import run as train

        return train(from_namespace(arguments))
    if command == "models":
        from medusa_chat.library.command import run as models

        return models(arguments)
    if command == "doctor":
        from medusa_chat.doctor.command import run as doctor

        return doctor(as_json=arguments.json, offline=arguments.offline)
    if command == "bench":
        from medusa_chat.benchmark.arguments import DECODE_DEFAULTS
        from medusa_chat.benchmark.arguments import from_namespace as bench_settings
        from medusa_chat.benchmark.command import run as bench

        with_defaults = argparse.Namespace(**(DECODE_DEFAULTS | vars(arguments)))
        return bench(bench_settings(arguments), *_settings(with_defaults))
    if command == "tune":
        from medusa_chat.tuning.arguments import DECODE_DEFAULTS as TUNE_DEFAULTS
        from medusa_chat.tuning.arguments import from_namespace as tune_settings
        from medusa_chat.tuning.arguments import temperatures_of
        from medusa_chat.tuning.command import run as tune

        with_defaults = argparse.Namespace(**(TUNE_DEFAULTS | vars(arguments)))
        settings = tune_settings(arguments), *_settings(with_defaults)
        return tune(*settings, temperatures_of(arguments))
    model, decode = _settings(arguments)
    if command == "run":
        from medusa_chat.run.command import run

        prompts = _prompts(arguments, raw=decode.raw)
        return run(
            model,
            decode,
            prompts,
            as_json=hasattr(arguments, "json"),
            many=hasattr(arguments, "prompts"),
        )
    from medusa_chat.tui.app import run_chat
    from medusa_chat.tui.opening import Opening

    question: str | None = getattr(arguments, "question", None)
    if question is not None and not question.strip():
        raise UsageError("The question is empty: write something to be answered.")
    opening = Opening(
        question,
        continue_last=hasattr(arguments, "continue"),
        ephemeral=hasattr(arguments, "ephemeral"),
    )
    return run_chat(model, decode, opening)


def _prompts(arguments: argparse.Namespace, *, raw: bool) -> Iterable[Any]:
    from medusa_chat.run import prompts

    text: str | None = arguments.prompt
    if hasattr(arguments, "prompts"):
        if text is not None:
            raise UsageError("Give either a prompt or --prompts FILE.jsonl, not both.")
        return prompts.from_file(arguments.prompts)
    if text is None and sys.stdin.isatty():
        raise UsageError("There is no prompt: medusa-chat run 'Hello', or pipe one in.")
    prompt = (
        prompts.from_stdin(sys.stdin.buffer, raw=raw)
        if text is None or text == "-"
        else prompts.single(text)
    )
    if not prompt.messages[0].content.strip() and not (raw and prompt.messages[0].content):
        raise UsageError("The prompt is empty: write something to be answered.")
    return [prompt]


def _settings(arguments: argparse.Namespace) -> tuple[ModelSettings, DecodeSettings]:
    given = vars(arguments)
    return (
        ModelSettings(**{name: given[name] for name in _MODEL_FIELDS if name in given}),
        DecodeSettings(
            medusa="no_medusa" not in given,
            stop=(*given.get("stop", ()), *given.get("run_stop", ())),
            **{name: given[name] for name in _DECODE_FIELDS if name in given},
        ),
    )


def _parser() -> argparse.ArgumentParser:
    # An option that is not given leaves no trace, so that those before a command reach it.
    parser = _Parser(
        prog=_NAME,
        description="Chat with a language model that guesses ahead: Medusa decoding, live. "
        'medusa-chat "A question?" opens a new chat with it; a question of one word goes behind '
        "--.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--version", action="version", version=f"medusa-chat {__version__}")
    _add_chat_options(parser)
    commands = parser.add_subparsers(
        dest="command",
        metavar=f"[{' | '.join(_COMMANDS)}]",
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
    _add_options(bench, stop="run_stop")
    from medusa_chat.tuning import arguments as tune_arguments

    tune = commands.add_parser(
        "tune",
        help="find the trees that pay with a model on this machine",
        description=tune_arguments.DESCRIPTION,
        argument_default=argparse.SUPPRESS,
    )
    tune_arguments.add_arguments(tune)
    _add_options(tune, stop="run_stop")
    train = commands.add_parser("train", help="train Medusa heads for a model")
    from medusa_chat.training.arguments import add_arguments

    add_arguments(train)
    doctor = commands.add_parser("doctor", help="say what works on this machine, and what to mend")
    from medusa_chat.doctor.arguments import add_arguments as add_doctor_arguments

    add_doctor_arguments(doctor)
    return parser


def _add_chat_options(parser: argparse.ArgumentParser) -> None:
    chat = parser.add_argument_group("chat")
    which = chat.add_mutually_exclusive_group()
    which.add_argument(
        "--continue", action="store_true", help="go on with the latest chat, not with a new one"
    )
    which.add_argument(
        "--ephemeral", action="store_true", help="keep chats in memory alone; nothing is saved"
    )
    _add_options(parser, stop="stop")


def _add_options(parser: argparse.ArgumentParser, *, stop: str) -> None:
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
    decoding.add_argument("--no-medusa", action="store_true", help="decode plainly")
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
    decoding.add_argument("--acceptance", choices=get_args(Acceptance), help="default: exact")
    decoding.add_argument("--posterior-threshold", type=float, metavar="EPSILON")
    decoding.add_argument("--posterior-alpha", type=float, metavar="DELTA")
    decoding.add_argument("--temperature", type=float, metavar="T", help="0 is greedy")
    decoding.add_argument("--top-p", type=float, metavar="P")
    decoding.add_argument("--top-k", type=int, metavar="K")
    decoding.add_argument(
        "--repetition-penalty",
        type=float,
        metavar="R",
        help="above 1: tokens that were used are less likely",
    )
    decoding.add_argument("--seed", type=int, metavar="N", help="default: fresh for each reply")
    decoding.add_argument("--max-new-tokens", type=int, metavar="N", help="default: 512")
    decoding.add_argument(
        "--stop", dest=stop, action="append", metavar="TEXT", help="ends a reply; repeatable"
    )
    decoding.add_argument("--ignore-eos", action="store_true", help="go on after an end of text")
    decoding.add_argument("--raw", action="store_true", help="continue the prompt, no template")
    decoding.add_argument("--system", metavar="TEXT", help="the system message")


if __name__ == "__main__":
    sys.exit(main())
