"""Who may import whom (DESIGN, section 5), what stays light, and how long a file may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import REPOSITORY, environment

PACKAGE = REPOSITORY / "medusa_chat"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Lower layers first; each with what it may import of the package, and of other people's.
FOUNDATION = ("errors", "paths", "settings")
LAYERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "errors": ((), ()),
    "paths": ((), ("platformdirs",)),
    "settings": (("errors",), ()),
    "log": (("paths",), ()),
    "json_file": ((), ()),
    "printable": ((), ()),
    "processor": ((), ()),
    "quantities": ((), ()),
    "thread_waiting": ((), ()),
    "memory_shortage": ((), ()),
    "status_line": (("printable", "quantities"), ()),
    "configuration": (("errors", "settings"), ("tomlkit",)),
    "conversation": (("errors",), ("psutil", "markdown_it")),
    "decoding.kv_cache": ((), ("torch", "transformers")),
    "decoding": (FOUNDATION, ("torch", "numpy")),
    "models.shape": ((), ()),
    "models.registry": (("errors", "paths", "models.shape", "models.hub.reference"), ()),
    "models.memory": (("settings", "models.shape"), ()),
    "models.device_memory": (("models.memory",), ("psutil",)),
    "models.float8": (("errors", "models.layout"), ()),
    "library": (
        (
            "json_file",
            *FOUNDATION,
            "printable",
            "quantities",
            "status_line",
            "models.layout",
            "models.registry",
            "models.shape",
            "models.memory",
            "models.device_memory",
            "models.hub",
            "models.files",
            "models.base_choices",
        ),
        ("rich",),
    ),
    "library.fetching": (
        (
            "errors",
            "settings",
            "printable",
            "quantities",
            "status_line",
            "models.base_choices",
            "models.files",
            "models.hub",
            "models.templates",
        ),
        (),
    ),
    "models.step_time_store": (
        ("json_file", "paths", "decoding.experience", "decoding.step_times"),
        (),
    ),
    "models.base_choices": (("json_file", "paths"), ()),
    "models.hub": (
        ("errors", "paths", "printable", "quantities", "models.base_choices"),
        ("huggingface_hub",),
    ),
    "models.remedy": (("models.hub",), ()),
    "models.layout": (("errors", "models.remedy"), ()),
    "models.stages": ((), ()),
    "models.templates": (("errors",), ()),
    "models.template_choices": (("json_file", "paths", "models.templates"), ()),
    "models.sampling_defaults": (("settings",), ()),
    "models.files": (
        (
            *(*FOUNDATION, "models.base_choices", "models.registry", "models.hub"),
            "models.layout",
        ),
        (),
    ),
    "models": (
        (*FOUNDATION, "quantities", "conversation.reasoning", "decoding", "memory_shortage"),
        ("torch", "transformers", "safetensors", "psutil", "bitsandbytes"),
    ),
    "engine.protocol": (("errors", "settings", "decoding.stats"), ()),
    "engine.error_output": (("log", "memory_shortage"), ()),
    "engine.process": (("errors", "thread_waiting", "engine.protocol", "engine.error_output"), ()),
    "engine": ((*FOUNDATION, "decoding", "models", "memory_shortage"), ()),
    "engine.setup": (("settings", "processor", "models"), ("torch",)),
    "training.arguments": (
        ("errors", "settings", "training.settings", "training.recipe"),
        (),
    ),
    "training.recipe": (("errors", "paths", "training.settings"), ()),
    "training.settings": (("errors", "settings"), ()),
    "training": (
        (
            *(*FOUNDATION, "quantities", "status_line", "thread_waiting", "decoding", "models"),
            *("conversation.reasoning", "library.fetching"),
        ),
        ("torch", "numpy", "transformers", "safetensors", "rich", "accelerate", "peft"),
    ),
    "distillation.settings": (("errors",), ()),
    "distillation.arguments": (("errors", "distillation.settings"), ()),
    "distillation.record_file": (("errors", "distillation.writer"), ()),
    "distillation.chat_server": (("errors", "engine.protocol", "distillation.settings"), ()),
    "distillation": (
        (
            *(*FOUNDATION, "thread_waiting", "printable", "quantities", "status_line"),
            *("decoding", "models", "engine", "library.fetching", "run", "training.records"),
        ),
        ("torch", "transformers"),
    ),
    "doctor.probe": (
        (
            *("settings", "doctor.facts", "engine", "decoding.lean.fp8"),
            "models.quantization",
        ),
        ("torch", "bitsandbytes"),
    ),
    "doctor": (
        (
            *FOUNDATION,
            "thread_waiting",
            "printable",
            "quantities",
            "conversation.migrations",
            "conversation.store",
            "models.registry",
        ),
        ("huggingface_hub", "packaging", "psutil"),
    ),
    "tui": (
        (
            *FOUNDATION,
            "configuration",
            "log",
            "printable",
            "conversation",
            "engine.protocol",
            "engine.process",
            *("decoding.presets", "decoding.stats"),
            "quantities",
            "doctor",
            "library",
            "models.device_memory",
            "models.files",
            "models.float8",
            "models.hub",
            "models.memory",
            "models.registry",
            "models.template_choices",
            "models.templates",
        ),
        ("textual", "rich", "platformdirs"),
    ),
    "tui.commands": (("configuration.fields",), ("textual",)),
    "tui.markdown": ((), ("textual", "rich", "markdown_it")),
    "run": (
        (
            *(*FOUNDATION, "thread_waiting", "printable", "status_line"),
            *("decoding", "engine", "library.fetching"),
        ),
        (),
    ),
    "benchmark.named_shapes": ((), ("transformers",)),
    "benchmark.settings": (("errors", "benchmark.named_shapes"), ()),
    "benchmark.suite_options": (("errors", "benchmark.settings"), ()),
    "benchmark.arguments": (
        ("errors", "benchmark.named_shapes", "benchmark.settings", "benchmark.suite_options"),
        (),
    ),
    "benchmark": (
        (
            *FOUNDATION,
            "thread_waiting",
            "printable",
            "processor",
            "quantities",
            "status_line",
            "decoding",
            "models",
            "engine",
            "library.fetching",
            "run",
        ),
        ("torch", "transformers", "safetensors", "rich", "bitsandbytes"),
    ),
    "tuning.settings": (("errors",), ()),
    "tuning.arguments": (("errors", "tuning.settings"), ()),
    "tuning": (
        (
            *(*FOUNDATION, "thread_waiting", "status_line", "decoding", "models", "engine"),
            *("library.fetching", "run", "benchmark"),
        ),
        ("torch", "rich"),
    ),
    "publishing.settings": (("errors",), ()),
    "publishing.arguments": (("publishing.settings",), ()),
    "publishing": (
        (
            *(*FOUNDATION, "printable", "quantities", "status_line", "models"),
            "training.records",
        ),
        ("torch", "transformers", "safetensors", "huggingface_hub"),
    ),
    "shell_completion": ((), ()),
    "arguments": (
        (
            *("settings", "configuration.fields", "chats.arguments", "library.arguments"),
            *("benchmark.arguments", "tuning.arguments", "training.arguments", "doctor.arguments"),
            "distillation.arguments",
            "publishing.arguments",
        ),
        (),
    ),
    "chats": (("errors", "paths", "printable", "status_line", "conversation"), ()),
    "cli": (
        (
            "chats",
            *(
                "errors",
                "settings",
                "log",
                "run",
                "library",
                "training",
                "distillation",
                "paths",
                "arguments",
                "shell_completion",
                "configuration",
                "tui.app",
                "tui.opening",
                "tui.preferences",
                "doctor",
            ),
            *("benchmark", "tuning", "publishing", "printable"),
        ),
        (),
    ),
}
HEAVY = {"torch", "transformers", "huggingface_hub", "numpy", "safetensors", "tokenizers"}


def name_of(file: Path) -> str:
    """Return a module's name inside the package, as ``engine.local``."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def is_within(name: str, layer: str) -> bool:
    return name == layer or name.startswith(layer + ".")


def layer_of(name: str) -> str:
    """Return the most special layer that a module belongs to."""
    return max((layer for layer in LAYERS if is_within(name, layer)), key=len, default="")


def imports(file: Path) -> Iterator[str]:
    """Yield the full name of everything that ``file`` imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                path = REPOSITORY.joinpath(*full.split("."))
                is_module = path.is_dir() or path.with_suffix(".py").is_file()
                yield full if is_module else str(node.module)


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_of(file: Path) -> None:
    name = name_of(file)
    layer = layer_of(name)
    assert layer or name == "", f"{name} belongs to no layer: give it one in this test"
    ours, others = LAYERS.get(layer, ((), ()))
    # A layer may use itself; its special modules are as free as what they are part of.
    own = name.partition(".")[0] if layer == name.partition(".")[0] else layer
    for imported in imports(file):
        top = imported.partition(".")[0]
        if top in sys.stdlib_module_names:
            continue
        if top != "medusa_chat":
            assert top in others, f"{name} may not import {imported}"
            continue
        inner = imported.partition(".")[2]
        allowed = not inner or is_within(inner, own) or any(is_within(inner, one) for one in ours)
        assert allowed, f"{name} may not import {imported}"


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_are_there(layer: str) -> None:
    assert any(is_within(name_of(file), layer) for file in MODULES)


@pytest.mark.parametrize(
    ("module", "light_of"),
    [
        ("medusa_chat.cli", HEAVY | {"textual", "rich", "platformdirs", "sqlite3"}),
        ("medusa_chat.tui.app", HEAVY),
        ("medusa_chat.chats.command", HEAVY | {"textual", "rich", "markdown_it", "psutil"}),
        ("medusa_chat.engine.protocol", HEAVY | {"textual"}),
        ("medusa_chat.engine.process", HEAVY | {"textual"}),
        ("medusa_chat.models.registry", HEAVY | {"textual"}),
        ("medusa_chat.models.hub.cache", HEAVY | {"textual"}),
        ("medusa_chat.models.hub.download", HEAVY | {"textual"}),
        ("medusa_chat.models.hub.plan_for", HEAVY | {"textual"}),
        ("medusa_chat.library.arguments", HEAVY | {"textual", "rich"}),
        ("medusa_chat.library.catalog", HEAVY | {"textual", "rich", "psutil"}),
        ("medusa_chat.library.command", HEAVY | {"textual", "rich"}),
        ("medusa_chat.models.files", HEAVY | {"textual"}),
        ("medusa_chat.training.arguments", HEAVY | {"textual"}),
        ("medusa_chat.distillation.arguments", HEAVY | {"textual", "rich"}),
        ("medusa_chat.benchmark.arguments", HEAVY | {"textual", "rich"}),
        ("medusa_chat.tuning.arguments", HEAVY | {"textual", "rich"}),
        ("medusa_chat.publishing.arguments", HEAVY | {"textual"}),
        ("medusa_chat.doctor.checks", HEAVY | {"textual"}),
        ("medusa_chat.doctor.arguments", HEAVY | {"textual"}),
    ],
)
def test_import_is_light(module: str, light_of: set[str]) -> None:
    script = f"import sys, {module}\nprint(*sorted({light_of!r} & sys.modules.keys()))"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment(), check=True
    )
    assert ended.stdout.decode().strip() == ""


def test_files_are_short_and_named_by_a_concept() -> None:
    files = [
        file
        for folder in (PACKAGE, REPOSITORY / "tests", REPOSITORY / "assets")
        for file in folder.rglob("*.py")
    ]
    too_long = {
        str(file): lines
        for file in files
        if (lines := len(file.read_text("utf-8").splitlines())) > 400
    }
    assert too_long == {}
    assert not {file.stem for file in files} & {"utils", "util", "common", "helpers", "misc"}
