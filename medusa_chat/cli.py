"""The command line. Imports nothing heavy: ``--version`` and a typing error answer at once."""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from medusa_chat import log
from medusa_chat.arguments import COMMANDS, NAME, Parser, add_chat_options, parser
from medusa_chat.errors import INTERRUPTED, MedusaChatError, UsageError
from medusa_chat.printable import printable
from medusa_chat.settings import DecodeSettings, ModelSettings

if TYPE_CHECKING:
    from medusa_chat.configuration.file import Configuration

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
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout has gone. Python would say so once more at exit, in a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001  # a person is never shown a traceback
        print(f"medusa-chat: {printable(log.record(error))}", file=sys.stderr)
        return 1


def _parsed(argv: list[str]) -> argparse.Namespace:
    """Return the options; text in the place of a command is a question, for the chat to open with.

    One word is more likely a command misspelt, and several without quotes may be one with what it
    takes: they are a question behind ``--``.
    """
    options = _Reader(
        add_help=False,
        argument_default=argparse.SUPPRESS,
        exit_on_error=False,
        allow_abbrev=False,
    )
    add_chat_options(options)
    cut = argv.index("--") if "--" in argv else len(argv)
    try:
        arguments, others = options.parse_known_args(argv[:cut])
    except argparse.ArgumentError as error:
        if argv and _is_question(argv[0]):
            Parser(prog=NAME).error(str(error))
        return parser().parse_args(argv)  # which says what is wrong
    others += argv[cut + 1 :]
    if not others:
        return arguments
    text = " ".join(others)
    behind = argv[cut + 1 :]
    if (behind and others == behind) or (len(others) == 1 and _is_question(text)):
        return argparse.Namespace(**vars(arguments), question=text)
    if others[0] not in COMMANDS and not any(word.startswith("-") for word in others):
        raise UsageError(
            f"{others[0]!r} is no command: there are {', '.join(COMMANDS)}.\n"
            f"To ask the model: {NAME} -- {shlex.quote(text)}"
        )
    return _with_command(argv)


def _with_command(argv: list[str]) -> argparse.Namespace:
    whole = parser()
    arguments, others = whole.parse_known_args(argv)
    words = [arguments.prompt, *others] if getattr(arguments, "command", None) == "run" else []
    if others and any(words[:1]) and not any(word.startswith("-") for word in words):
        raise UsageError(
            "A prompt of several words is quoted.\n"
            f"To ask the model: {NAME} run {shlex.quote(' '.join(words))}"
        )
    if others:
        whole.error(f"unrecognized arguments: {' '.join(others)}")
    return arguments


def _is_question(text: str) -> bool:
    return not text.startswith("-") and not text.replace("-", "").replace("_", "").isalnum()


def _dispatch(arguments: argparse.Namespace) -> int:
    command = getattr(arguments, "command", None)
    if command is not None:
        for option in ("continue", "ephemeral", "theme"):
            if hasattr(arguments, option):
                raise UsageError(f"--{option} is for the chat: medusa-chat {command} knows none.")
    if command in ("chats", "export", "import"):
        from medusa_chat.chats.command import run as chats

        return chats(arguments)
    if command == "train":
        from medusa_chat.training.arguments import from_namespace
        from medusa_chat.training.command import run as train

        return train(from_namespace(arguments))
    if command == "convert":
        from medusa_chat.publishing.arguments import convert_settings
        from medusa_chat.publishing.convert_command import run as convert

        return convert(convert_settings(arguments))
    if command == "push":
        from medusa_chat.publishing.arguments import push_settings
        from medusa_chat.publishing.push_command import run as push

        return push(push_settings(arguments))
    if command == "distill":
        from medusa_chat.distillation.arguments import DECODE_DEFAULTS as DISTILL_DEFAULTS
        from medusa_chat.distillation.arguments import from_namespace as distill_settings
        from medusa_chat.distillation.command import run as distill

        with_defaults = argparse.Namespace(**(DISTILL_DEFAULTS | vars(arguments)))
        return distill(distill_settings(arguments), *_settings(with_defaults))
    if command == "models":
        from medusa_chat.library.command import run as models

        return models(arguments)
    if command == "completion":
        from medusa_chat.shell_completion import script

        print(script(parser(), arguments.shell), end="")
        return 0
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
    file = _configuration()
    model, decode = _settings(arguments, file)
    if command == "run":
        for problem in file.problems:
            print(f"medusa-chat: {printable(problem)}", file=sys.stderr)
        from medusa_chat.run.command import run

        prompts = _prompts(arguments, raw=decode.raw)
        return run(
            model,
            decode,
            prompts,
            as_json=hasattr(arguments, "json"),
            many=hasattr(arguments, "prompts"),
        )
    # Classes and widgets come and stay: looking for garbage among them takes a tenth of the start.
    # The interface turns it on again behind its first frame.
    gc.disable()
    from medusa_chat.tui.app import run_chat
    from medusa_chat.tui.opening import Opening
    from medusa_chat.tui.preferences import Preferences

    question: str | None = getattr(arguments, "question", None)
    if question is not None and not question.strip():
        raise UsageError("The question is empty: write something to be answered.")
    opening = Opening(
        question,
        continue_last=hasattr(arguments, "continue"),
        ephemeral=hasattr(arguments, "ephemeral"),
    )
    preferences = Preferences(file, _given(arguments), getattr(arguments, "theme", None))
    return run_chat(model, decode, opening, preferences)


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


def _settings(
    arguments: argparse.Namespace, file: Configuration | None = None
) -> tuple[ModelSettings, DecodeSettings]:
    """Return what the command line says; where it says nothing, what the settings file does."""
    given = vars(arguments)
    model: dict[str, Any] = dict(file.table("model")) if file else {}
    if "quantization" in given:  # which decides what it computes with
        model.pop("dtype", None)
    decode: dict[str, Any] = dict(file.table("decoding")) if file else {}
    if "no_medusa" in given or "medusa" in given:
        decode["medusa"] = "no_medusa" not in given
    decode["stop"] = (*given.get("stop", ()), *given.get("run_stop", ()))
    return (
        ModelSettings(**(model | {name: given[name] for name in _MODEL_FIELDS if name in given})),
        DecodeSettings(
            **(decode | {name: given[name] for name in _DECODE_FIELDS if name in given})
        ),
    )


def _given(arguments: argparse.Namespace) -> frozenset[str]:
    """Return which settings of a reply the command line names."""
    named = {name.removeprefix("no_") for name in vars(arguments)}
    return frozenset(named & {"medusa", *_DECODE_FIELDS})


def _configuration() -> Configuration:
    from medusa_chat import paths
    from medusa_chat.configuration.file import FILE_NAME, read

    return read(paths.config_dir() / FILE_NAME)


if __name__ == "__main__":
    sys.exit(main())
