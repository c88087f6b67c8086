"""Chats about small Python functions: to write, explain, mend and change them."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import filters
from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_HERE = Path(__file__)
_DATA: dict[str, Any] = tomllib.loads(_HERE.with_name("code.toml").read_text(encoding="utf-8"))
_FUNCTIONS: list[dict[str, Any]] = tomllib.loads(
    _HERE.with_name("code_python.toml").read_text(encoding="utf-8")
)["functions"]
# Other names for the first argument, by its type.
_ARGUMENTS = {
    "list[int]": ["values", "items", "data", "scores", "series", "points"],
    "list[float]": ["values", "items", "data", "prices", "amounts", "sizes"],
    "list[str]": ["entries", "names", "data", "parts", "strings", "labels"],
    "str": ["string", "message", "phrase", "source", "given", "content"],
    "int": ["value", "top", "start", "integer", "given", "size"],
    "float": ["amount", "given", "quantity", "size", "x", "measure"],
}

_SECOND_VERB = re.compile(
    r"\band (add|collect|count|double|group|keep|print|remove|return|say|show)s\b"
)


def _ask(rng: random.Random, key: str, **words: str) -> str:
    # Names in code keep their case, so only sentences without them are typed in other ways.
    text: str = rng.choice(_DATA[key])
    named = {"name", "new", "old"} & words.keys()
    filled = text.format(**words)
    return filled if named else typed(rng, filled)


def fenced(code: str, language: str = "python") -> str:
    """Put code between fences."""
    return f"```{language}\n{code}\n```"


@dataclass
class Function:
    """A function that can be written in several ways."""

    task: dict[str, Any]
    name: str
    docstring: bool = True
    hints: bool = False
    renamed: dict[str, str] = field(default_factory=dict)

    def written(self, body: str | None = None) -> str:
        """Write the function, or one with another body."""
        body = self.task["body"] if body is None else body
        head, body = body.rsplit("\n\n", 1) if body.startswith(("import", "from")) else ("", body)
        args, types = self.task["args"], self.task["types"]
        if self.hints:
            signature = ", ".join(f"{arg}: {kind}" for arg, kind in zip(args, types, strict=False))
            signature = f"({signature}) -> {types[-1]}:"
        else:
            signature = f"({', '.join(args)}):"
            body = re.sub(r"^(\w+): [\w\[\], ]+ = ", r"\1 = ", body, flags=re.MULTILINE)
        if self.renamed:
            # All at once, since a new name may be an old one of another variable.
            names = re.compile(rf"\b({'|'.join(self.renamed)})\b")
            signature = names.sub(lambda match: self.renamed[match[0]], signature)
            body = names.sub(lambda match: self.renamed[match[0]], body)
        lines = [f"def {self.name}{signature}"]
        if self.docstring:
            lines.append(f'    """{self.doc()}"""')
        lines += [f"    {line}" for line in body.split("\n")]
        code = "\n".join(lines)
        return f"{head}\n\n\n{code}" if head else code

    def doc(self) -> str:
        """Say what the function does, as an order: "returns" becomes "Return"."""
        order = infinitive(self.task["does"][0])
        return f"{order[:1].upper()}{order[1:]}."

    def variables(self) -> list[str]:
        """Return the names that can be changed: those of the arguments and the variables."""
        tree = ast.parse(self.written())
        names = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        names |= {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        # What is also a word in a text or a keyword cannot be replaced by its letters alone.
        return sorted(name for name in names - {"_", "file"} if not self.ambiguous(name))

    def ambiguous(self, name: str) -> bool:
        """Say whether a name cannot be told from other words of the code."""
        body = self.task["body"]
        return bool(re.search(rf"[\"'.]{name}\b|\b{name}[\"'(]|\.{name}\b|\b{name}=", body))

    def abbreviate(self) -> None:
        """Call each variable by its first letter, as far as the letters are free."""
        for name in self.variables():
            if len(name) > 1 and not re.search(rf"\b{name[0]}\b", self.written()):
                self.renamed[name] = name[0]

    def rename(self, rng: random.Random, avoid: str = "") -> tuple[str, str]:
        """Give a variable another name, which is not in the code to avoid, and return both."""
        old = rng.choice(self.variables())
        source = f"{avoid}\n{self.written()}"
        free = [name for name in _DATA["new_names"] if not re.search(rf"\b{name}\b", source)]
        new = rng.choice(free)
        self.renamed = {key: new if value == old else value for key, value in self.renamed.items()}
        if new not in self.renamed.values():
            self.renamed[old] = new
        return old, new


def named_function(name: str) -> Function:
    """Return the function whose first name is the given one."""
    task = next(one for one in _FUNCTIONS if one["names"][0] == name)
    return Function(task, name)


def solution(function: Function) -> str:
    """Write the answer to someone who asks for a function."""
    does = function.task["does"][0]
    said = f"Here is a Python function that {does}:\n\n{fenced(function.written())}"
    return f"{said}\n\n{function.task['how']}"


def _new(rng: random.Random, *, own: float) -> Function:
    task = filters.task(rng) if rng.random() < 0.25 else rng.choice(_FUNCTIONS)
    names = task["names"]
    chance = rng.random()
    if chance > own:
        return Function(task, names[0])
    return Function(
        task, rng.choice(names[1:] if chance < 0.7 * own and names[1:] else _DATA["own_names"])
    )


def infinitive(does: str) -> str:
    """Turn "returns the sum" into "return the sum"."""
    verb, rest = does.split(" ", 1)
    rest = _SECOND_VERB.sub(r"and \1", rest)
    if verb.endswith("ies"):
        return f"{verb[:-3]}y {rest}"
    return f"{verb[:-2] if verb.endswith(('shes', 'ches', 'oes')) else verb[:-1]} {rest}"


def _given(rng: random.Random, asked: str, code: str) -> str:
    return f"{asked}\n\n{fenced(code) if rng.random() < 0.3 else code}"


def go_on(rng: random.Random, function: Function, chat: Chat) -> None:
    """Ask one more thing about a function."""
    kinds = ["name"] + ["explain"] * ("The function `" not in chat[-1]["content"])
    kinds += ["hints"] * (not function.hints) + ["bare"] * function.docstring
    kinds += ["use"] * ("call" in function.task) * 2 + ["rename"] * bool(function.variables())
    kind = rng.choice(kinds)
    if kind == "use":
        call = f"print({function.name}({function.task['call']}))"
        # print shows a text without its quotes.
        shown = ast.literal_eval(function.task["gives"])
        said = f"Here is an example:\n\n{fenced(call)}\n\nIt prints `{shown}`."
        asked = _ask(rng, "then_use")
    elif kind == "explain":
        asked = _ask(rng, "then_explain")
        said = f"The function `{function.name}` {function.task['does'][0]}. {function.task['how']}"
    else:
        if kind == "name":
            function.name = rng.choice(_DATA["own_names"])
            asked = _ask(rng, "then_name", name=function.name)
            said = f"Here it is with the name `{function.name}`:"
        elif kind == "rename":
            old, new = function.rename(rng)
            asked = _ask(rng, "then_rename", old=old, new=new)
            said = f"Here it is with `{new}` instead of `{old}`:"
        elif kind == "hints":
            function.hints = True
            asked, said = _ask(rng, "then_hints"), "Here it is with type hints:"
        else:
            function.docstring = False
            asked, said = _ask(rng, "then_bare"), "Here it is without the docstring:"
        said = f"{said}\n\n{fenced(function.written())}"
    chat += [user(asked), assistant(said)]


def _write(rng: random.Random) -> tuple[Chat, Function]:
    function = _new(rng, own=0.0)
    does = rng.choice(function.task["does"])
    if rng.random() < 0.45:
        asked = _ask(rng, "ask_to", do=infinitive(does))
        asked = asked[:1].upper() + asked[1:] if rng.random() < 0.7 else asked
    else:
        asked = _ask(rng, "ask_write", does=does)
    if rng.random() < 0.35:
        asked = asked if asked[-1] in ".?" else f"{asked}."
        kind = rng.random()
        names = _ARGUMENTS.get(function.task["types"][0])
        if kind < 0.5:
            names = function.task["names"][1:] if rng.random() < 0.6 else _DATA["own_names"]
            names = names or _DATA["own_names"]
            function.name = rng.choice(names)
            asked += _ask(rng, "ask_name", name=function.name)
        elif kind < 0.7 and names and len(function.task["args"]) == 1:
            old, source = function.task["args"][0], function.written()
            # What is said about the function must not speak of the old name.
            if not function.ambiguous(old) and not re.search(rf"\b{old}\b", function.task["how"]):
                new = rng.choice([n for n in names if not re.search(rf"\b{n}\b", source)])
                function.renamed[old] = new
                asked += _ask(rng, "ask_argument", new=new)
        elif kind < 0.85:
            function.docstring = False
            asked += rng.choice(_DATA["ask_bare"])
        else:
            function.hints = True
            asked += rng.choice(_DATA["ask_hinted"])
    return [user(asked), assistant(solution(function))], function


def _explain(rng: random.Random) -> tuple[Chat, Function]:
    function = _new(rng, own=0.6)
    function.docstring = rng.random() < 0.1
    asked = _given(rng, _ask(rng, "ask_explain"), function.written())
    said = f"The function `{function.name}` {function.task['does'][0]}. {function.task['how']}"
    return [user(asked), assistant(said)], function


def _change(rng: random.Random) -> tuple[Chat, Function]:
    """Rename a variable, or add what is missing."""
    function = _new(rng, own=0.6)
    kind = rng.choice(["rename", "rename", "docstring", "hints"])
    function.docstring = False
    if kind == "rename" and rng.random() < 0.4:
        function.abbreviate()
    before = function.written()
    if kind == "rename" and len(function.variables()) > 1 and rng.random() < 0.4:
        old, new = function.rename(rng, before)
        # The second one has to be another, and not to undo the first.
        kept = {new}
        while (pair := function.rename(rng, before))[0] in kept:
            kept.add(pair[1])
            new = pair[1]
        old2, new2 = pair
        asked = _ask(rng, "ask_rename_two", old=old, new=new, old2=old2, new2=new2)
        said = f"Here it is with `{new}` and `{new2}` instead of `{old}` and `{old2}`:"
    elif kind == "rename" and function.variables():
        old, new = function.rename(rng)
        asked = _ask(rng, "ask_rename", old=old, new=new)
        said = f"Here it is with `{new}` instead of `{old}`:"
    elif kind == "hints":
        function.hints = True
        asked, said = _ask(rng, "ask_hints"), "Here it is with type hints:"
    else:
        function.docstring = True
        asked, said = _ask(rng, "ask_docstring"), "Here it is with a docstring:"
    answer = f"{said}\n\n{fenced(function.written())}"
    return [user(_given(rng, asked, before)), assistant(answer)], function


def _mend(rng: random.Random) -> tuple[Chat, Function]:
    function = _new(rng, own=0.5)
    function.docstring = rng.random() < 0.15
    task, right = function.task, function.written()
    kind = rng.random()
    last = right.split("\n")[-1]
    if kind < 0.65 and "bug" in task:
        old, new, wrong, fix = task["bug"]
        broken = function.written(task["body"].replace(old, new, 1))
        should = f"should {infinitive(task['does'][0])}"
        asked = _ask(rng, "ask_mend", should=should, wrong=wrong)
    elif kind < 0.85 and last.startswith("    return ") and right.count("return ") == 1:
        place = right.rindex("return ")
        broken = right[:place] + right[place:].removeprefix("return ")
        if " = " not in last and last.strip().removeprefix("return ").isidentifier():
            broken = right[: right.rindex("\n")]
        asked = _ask(
            rng,
            "ask_mend",
            should=f"should {function.doc()[0].lower()}{function.doc()[1:-1]}",
            wrong="returns None",
        )
        fix = "The result has to be given back with `return`"
    else:
        lines = right.split("\n")
        place = rng.choice([k for k, line in enumerate(lines) if line.endswith(":")])
        fix = f"There was a colon missing at the end of the line `{lines[place].strip()}`"
        lines[place] = lines[place][:-1]
        broken = "\n".join(lines)
        asked = _ask(rng, "ask_syntax")
    answer = f"Here is the mended function:\n\n{fenced(right)}\n\n{fix}."
    return [user(_given(rng, asked, broken)), assistant(answer)], function


def chat(rng: random.Random) -> Chat:
    """Make one chat about a Python function."""
    chance = rng.random()
    kind = _write
    if chance > 0.5:
        kind = _mend if chance < 0.7 else _change if chance < 0.88 else _explain
    said, function = kind(rng)
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
        go_on(rng, function, said)
    if rng.random() < 0.12:
        thanks = typed(rng, rng.choice(_DATA["thanks"]))
        said += [user(thanks), assistant("You are welcome! Tell me if you need more code.")]
    return said
