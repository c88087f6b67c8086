"""What completes the command line in a shell: a script, made from the parsers themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

_FILES = ("PATH", "FILE", "DIR")
_CHAT = "chat"


@dataclass(frozen=True, slots=True)
class _Option:
    """An option: how it is written, what may follow it, and what it does."""

    names: tuple[str, ...]
    takes: tuple[str, ...] | None
    """The words that may follow it; none for a file or a free text, None where nothing follows."""
    is_file: bool
    does: str


@dataclass(frozen=True, slots=True)
class _Words:
    """What may be written in one place of the command line, behind a command."""

    path: tuple[str, ...]
    options: tuple[_Option, ...]
    commands: tuple[str, ...]
    """Commands, or the words of an argument that has a choice."""


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completion script of ``parser`` for bash, zsh or fish."""
    places = list(_places(parser, ()))
    name = parser.prog
    if shell == "fish":
        return _fish(name, places)
    bash = _bash(name, places)
    if shell == "bash":
        return bash
    return _ZSH.format(name=name, function=name.replace("-", "_"), bash=bash)


def _places(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[_Words]:
    options, words, below = [], [], {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = action.choices
            words += list(below)
        elif action.help == argparse.SUPPRESS:
            continue  # refused by this command, with words of its own
        elif action.option_strings:
            takes = None if action.nargs == 0 else tuple(map(str, action.choices or ()))
            metavar = action.metavar if isinstance(action.metavar, str) else ""
            is_file = any(word in metavar for word in _FILES)
            does = " ".join((action.help or "").split()).replace("%%", "%")
            options.append(_Option(tuple(action.option_strings), takes, is_file, does))
        else:
            words += [str(choice) for choice in action.choices or ()]
    yield _Words(path, tuple(options), tuple(words))
    for name, parser_below in below.items():
        yield from _places(parser_below, (*path, name))


# zsh runs bash's completions as they are. The script may be sourced, or lie in a folder of fpath:
# there its first run is the first completion.
_ZSH = """\
#compdef {name}
(( $+functions[compdef] )) || {{ autoload -U compinit && compinit; }}
autoload -U +X bashcompinit && bashcompinit
{bash}if [[ ${{funcstack[1]}} == _{name} ]]; then _bash_complete -o filenames -F _{function}; fi
"""

_BASH = """\
# Completes {name} in bash; made by: {name} completion bash
_{function}() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" place="" part
    COMPREPLY=()
    for part in "${{COMP_WORDS[@]:1:$((COMP_CWORD-1))}}"; do
        case "$place $part" in
{commands}
        esac
    done
    case "$place $before" in
{values}
    esac
    local words=""
    case "$place" in
{words}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    if [[ ${{#COMPREPLY[@]}} -eq 0 ]]; then COMPREPLY=($(compgen -f -- "$word")); fi
}}
complete -o filenames -F _{function} {name}
"""


def _bash(name: str, places: list[_Words]) -> str:
    commands, values, words = [], [], []
    for place in places:
        here = "/".join(place.path)
        if place.path:
            above = "/".join(place.path[:-1])
            commands.append(f'            "{above} {place.path[-1]}") place="{here}" ;;')
        for option in place.options:
            if option.takes is None:
                continue
            cases = "|".join(f'"{here} {one}"' for one in option.names)
            found = f'compgen -W "{" ".join(option.takes)}" --'
            if option.is_file:
                found = "compgen -f --"
            values.append(f'        {cases}) COMPREPLY=($({found} "$word")); return ;;')
        all_words = [one for option in place.options for one in option.names]
        words.append(f'        "{here}") words="{" ".join([*place.commands, *all_words])}" ;;')
    return _BASH.format(
        name=name,
        function=name.replace("-", "_"),
        commands="\n".join(commands),
        values="\n".join(values),
        words="\n".join(words),
    )


def _fish(name: str, places: list[_Words]) -> str:
    lines = [f"# Completes {name} in fish; made by: {name} completion fish"]
    top = places[0].commands
    for place in places:
        seen = [f"__fish_seen_subcommand_from {one}" for one in place.path]
        if not place.path:
            seen = [f"not __fish_seen_subcommand_from {' '.join(top)}"]
        start = f"complete -c {name} -n '{'; and '.join(seen)}'"
        if place.commands:
            lines.append(f"{start} -f -a '{' '.join(place.commands)}'")
        for option in place.options:
            line = start
            for one in option.names:
                line += f" -l {one[2:]}" if one.startswith("--") else f" -s {one[1:]}"
            if option.takes is not None:
                line += " -r" if option.is_file else " -x"
            if option.takes:
                line += f" -a '{' '.join(option.takes)}'"
            lines.append(f"{line} -d '{_quoted(option.does)}'")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
