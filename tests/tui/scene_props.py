"""What is said, found and listed in the scenes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from medusa_chat.conversation.conversation import Outcome, Recipe
from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.decoding.stats import Figures
from medusa_chat.doctor.finding import Finding
from medusa_chat.engine.protocol import CheckedStep
from medusa_chat.errors import ModelError
from medusa_chat.library.catalog import Entry
from medusa_chat.library.speeds import Speed

from .frozen import NOW, SEED, FrozenTime
from .scripted_hub import ScriptedHub
from .test_models_screen import BUILTIN, GB, NONE_FIT, zephyr

if TYPE_CHECKING:
    from pathlib import Path

MARKDOWN = """\
# Three ways to boil an egg

Some **bold** words, some *leaning* ones, and `code` in a line that is so long that it has to be \
broken somewhere, whatever the width of the terminal is.

1. Soft: *four* minutes
2. Medium: seven minutes
   - with cold water afterwards
   - without it
3. Hard: ten minutes

| way    | minutes | yolk      |
|--------|--------:|-----------|
| soft   |       4 | runny     |
| medium |       7 | creamy    |
| hard   |      10 | crumbly   |

> An egg today is better than a hen tomorrow.

```python
def boil(minutes: int) -> Egg:
    # water first
    return Pot(water=1.5).boil("egg", minutes)
```
"""
STORY = (
    ("Once", " upon"),
    (" a", " time,", " there", " was", " a"),
    (" fox",),
    (" who", " could", " not"),
    (" sleep,",),
    (" because", " the", " owl"),
    (" sang", " all"),
    (" night", " long", "."),
)
STEP = CheckedStep(
    parents=(0, 0, 0, 1, 1, 3, 3, 2, 5),
    texts=("The", " fox", " owl", " was", " sat", " very", " 漢字", " sang", " tired"),
    sources="RHBLHBHHL",
    weights=(1.0, 0.62, 0.2, 0.41, 0.13, 0.3, 0.02, 0.1, 0.22),
    accepted=(0, 1, 3, 5),
    next_text=" clever",
    seconds=0.0061,
)
FINDINGS = (
    Finding("Python", "ok", "3.12.4"),
    Finding("torch", "ok", "2.9.0, CPU only, 2 threads"),
    Finding("GPU", "note", "none was found: models run on the CPU"),
    Finding("Hub", "warning", "cannot be reached", "Check the network, or work offline with -"),
    Finding("data folder", "ok", "/home/somebody/.local/share/medusa-chat"),
    Finding("built-in model", "broken", "its checksum is wrong", "pip install --force-reinstall ."),
)


def figures(tokens: int = 212) -> Figures:
    return Figures(
        prompt_tokens=38,
        reused_tokens=12,
        tokens=tokens,
        steps=92,
        passes=91,
        nodes=640,
        prefill_seconds=0.12,
        decode_seconds=1.9,
        first_token_seconds=0.142,
        accepted_counts=(31, 26, 18, 11, 6),
        memory_bytes=512_000_000,
    )


def catalog() -> ScriptedHub:
    speed = Speed("x/fast", "none", "float32", "cpu", 10.0, 21.0, "2026-01-01T00:00:00+00:00")
    return ScriptedHub(
        [
            BUILTIN,
            zephyr(),
            zephyr("here", name="x/fast", title="Fast 7B", speed=speed),
            zephyr("partial", name="x/half", title="Half a model", here=8 * GB),
            zephyr("gated", name="x/closed", title="Closed 7B"),
            zephyr(
                name="FasterDecoding/medusa-1.0-vicuna-33b-v1.3-with-a-name-that-is-long",
                title="A model with a name that is rather long",
                choices=NONE_FIT,
                best=None,
            ),
        ],
        notices=("The list is of 2026-01-01: the Hub cannot be reached.",),
    )


def heads_alone() -> ScriptedHub:
    """Return a Hub with heads that do not say what they belong to."""
    reason = (
        "The heads in x/heads do not say which model they belong to: name it with --base-model."
    )
    heads = Entry("x/heads", "x/heads", "partial", layout="v0.1", needs_base=True, listed=False)
    return ScriptedHub([BUILTIN, heads], {"x/heads": ModelError(reason)})


def write_chats(home: Path) -> None:
    """Write five chats, of today and before."""
    talks = (
        ("What is the difference between a comet and a meteor?", "A comet orbits the sun.", 400),
        ("Write a function that adds up the even numbers of a list.", "```python\nsum(x)\n```", 30),
        ("Sum this up: " + "The bakery has closed, and the owl is sad. " * 4, "It is gone.", 3),
        ("[b]Markup[/b] and \x1b[31mescapes in a title", "The owl sang.\n\n- all\n- night", 1),
        ("Tell me about a fox", "A fox sat by the sea with the owl.", 0),
    )
    recipe = Recipe(
        model="FasterDecoding/medusa-1.0-zephyr-7b-beta",
        base_model="HuggingFaceH4/zephyr-7b-beta",
        dtype="bfloat16",
        device="cuda",
        quantization="none",
        mode="medusa",
        tree="auto",
        acceptance="exact",
        temperature=0.7,
        top_p=1.0,
        top_k=0,
        seed=SEED,
        max_new_tokens=512,
    )
    with Store(home / FILE_NAME) as store:
        for prompt, reply, days in talks:
            FrozenTime.at = NOW - timedelta(days=days, hours=1)  # the last ones are the newest
            written = store.new_chat()
            answer = written.start_reply(written.add_prompt(prompt), recipe)
            answer.append(reply)
            answer.end(Outcome("eos"))
    FrozenTime.at = NOW
