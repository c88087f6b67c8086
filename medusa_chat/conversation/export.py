"""A conversation as a Markdown file: what was said, word for word, and how it was made."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from medusa_chat.errors import MedusaChatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from medusa_chat.conversation.conversation import Conversation, Message, Recipe

_SLUG_LENGTH = 48

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
# Outside a fence these would read as a turn's heading, or swallow what follows (HTML).
_STRUCTURE = re.compile(r"\s{0,3}(#{1,6}(\s|$)|=+\s*$|-+\s*$|<)")


def markdown(conversation: Conversation) -> str:
    """Return the conversation as Markdown with YAML front matter."""
    sections = [_front_matter(conversation), f"# {_inline(conversation.title)}"]
    for turn in conversation.turns:
        sections += _sections(turn)
    return "\n\n".join(sections) + "\n"


def export(conversation: Conversation, *folders: Path) -> Path:
    """Write the conversation into the first of the folders that takes it; return the full path.

    The name comes from the date and the title; a file that exists is never overwritten.
    """
    text = markdown(conversation)
    failures = []
    for folder in folders:
        try:
            return _write(text, folder.resolve(), _file_stem(conversation))
        except OSError as error:
            failures.append(f"{folder}: {error.strerror or error}")
    raise MedusaChatError(
        f"The chat could not be exported ({'; '.join(failures)}). "
        "Start medusa-chat in a folder that you can write to, and export again."
    )


def _write(text: str, folder: Path, stem: str) -> Path:
    for name in _names(stem):
        path = folder / name
        try:
            file = path.open("x", encoding="utf-8", newline="\n")
        except FileExistsError:
            continue
        try:
            with file:
                file.write(text)
        except OSError:
            # Half a conversation must not pass for the whole.
            path.unlink(missing_ok=True)
            raise
        return path
    raise AssertionError("unreachable: the names never end")


def _names(stem: str) -> Iterator[str]:
    yield f"{stem}.md"
    number = 2
    while True:
        yield f"{stem}-{number}.md"
        number += 1


def _file_stem(conversation: Conversation) -> str:
    slug = "-".join(re.findall(r"\w+", conversation.title.lower()))[:_SLUG_LENGTH].strip("-_")
    return f"{conversation.created.astimezone():%Y-%m-%d}-{slug or 'chat'}"


def _front_matter(conversation: Conversation) -> str:
    lines = [
        f"title: {_scalar(conversation.title)}",
        f"date: {conversation.created.astimezone().isoformat(timespec='seconds')}",
    ]
    recipes = [turn.recipe for turn in conversation.turns if turn.recipe is not None]
    if recipes:
        # The last one: a model or a setting may change on the way, and each reply names its own.
        recipe = recipes[-1]
        lines += [
            f"model: {_scalar(recipe.model)}",
            f"base_model: {_scalar(recipe.base_model)}",
            f"quantization: {_scalar(recipe.quantization)}",
            f"dtype: {_scalar(recipe.dtype)}",
            f"device: {_scalar(recipe.device)}",
            "settings:",
            *(f"  {name}: {_scalar(value)}" for name, value in _settings(recipe).items()),
            "versions:",
            *(f"  {name}: {_scalar(value)}" for name, value in recipe.versions.items()),
        ]
        if not recipe.versions:
            lines[-1] = "versions: {}"
    return "\n".join(["---", *lines, "---"])


def _settings(recipe: Recipe) -> dict[str, str | float | int | None]:
    return {
        "mode": recipe.mode,
        "tree": recipe.tree,
        "acceptance": recipe.acceptance,
        "temperature": recipe.temperature,
        "top_p": recipe.top_p,
        "top_k": recipe.top_k,
        "seed": recipe.seed,
        "max_new_tokens": recipe.max_new_tokens,
        "system": recipe.system,
    }


def _scalar(value: str | float | None) -> str:
    # JSON's scalars are YAML's too; escaping all but ASCII keeps out what YAML forbids.
    return json.dumps(value, ensure_ascii=not str(value).isprintable())


def _sections(turn: Message) -> list[str]:
    if turn.role == "user":
        return ["## You", _verbatim(turn.content)]
    name = _inline(turn.recipe.model) if turn.recipe else "Reply"
    sections = [f"## {name}"]
    if turn.content:
        sections.append(_verbatim(turn.content))
    if turn.recipe:
        settings = _settings(turn.recipe)
        system = settings.pop("system")
        words = ", ".join(f"{key} {value}" for key, value in settings.items())
        sections.append(f"*Made with: {_inline(words)}{', a system prompt' if system else ''}.*")
    sections.append(f"*{_inline(_ending(turn))}*")
    return sections


def _ending(turn: Message) -> str:
    if turn.outcome is None:
        return "This reply was not finished."
    reason = turn.outcome.stop_reason
    return " · ".join(part for part in (turn.outcome.figures_line, f"ended by {reason}") if part)


def _inline(text: str) -> str:
    """Escape what Markdown would take as markup within a line."""
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", text)


def _verbatim(text: str) -> str:
    """Return the text as it is, within a fence if it could be mistaken for the file's own parts."""
    if _stands_alone(text):
        return text
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}markdown\n{text}\n{fence}"


def _stands_alone(text: str) -> bool:
    """Tell whether every fence is closed, and no line outside them is a heading or HTML."""
    fence = ""
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if fence:
            if match and match[1].startswith(fence) and not match[2].strip():
                fence = ""
        elif match:
            fence = match[1]
        elif _STRUCTURE.match(line):
            return False
    return not fence and bool(text.strip())
