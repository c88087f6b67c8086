"""Heads from one layout to another: read, adapted, written aside, read back, and only then moved.

A folder that cannot be finished leaves nothing behind, and what it would replace stays.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import SafetensorError

from medusa_chat.errors import ModelError, UsageError
from medusa_chat.models.base_model import load_tokenizer
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.hub.reference import is_hub_id
from medusa_chat.models.layout import read_config, read_json
from medusa_chat.publishing import vocabulary
from medusa_chat.publishing.adaptation import adapted, as_dtype
from medusa_chat.publishing.base_files import output_matrix
from medusa_chat.publishing.comparison import compare, compare_heads
from medusa_chat.publishing.head_files import HeadFiles, head_files
from medusa_chat.publishing.model_files import ModelWriter, Report
from medusa_chat.publishing.settings import ConvertSettings
from medusa_chat.publishing.source import Source, read_source
from medusa_chat.quantities import size
from medusa_chat.settings import ModelSettings
from medusa_chat.training.records import Problems

BASE_FOLDER = "base"
"""Where ``--with-base`` puts it, inside the heads' folder."""
_SPARE_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was written, what of it was compared, and what is to be said about it."""

    folder: Path
    heads: MedusaHeads
    base_name: str
    tensors: int
    """Read back and found equal, the base's too where it was written."""
    notices: tuple[str, ...]


def convert(settings: ConvertSettings, report: Report) -> Conversion:
    """Write the heads of ``settings.source`` in ``settings.layout``, and read them back.

    Nothing is fetched. Raises HubError for a model of the Hub that is not in its cache, ModelError
    for one that cannot be read or that the layout cannot hold, UsageError for an output that must
    not be written.
    """
    output = settings.output
    report(f"Reading {settings.source}", None)
    source = read_source(ModelSettings(settings.source, settings.base_model))
    base_name = source.base_name(output)
    _check_output(settings, source, base_name)
    dtype = None if settings.dtype == "keep" else getattr(torch, settings.dtype)
    heads = source.heads
    problems = Problems()
    if settings.vocabulary is not None:
        heads = _cut(settings, source, settings.vocabulary, problems)
    heads = as_dtype(
        adapted(heads, settings.layout, lambda: output_matrix(source.base_folder())), dtype
    )
    writer: ModelWriter | None = None
    if settings.layout == "merged" or settings.with_base:
        merged = heads if settings.layout == "merged" else None
        writer = ModelWriter(source.base_folder(), merged, dtype, _published(base_name, source))
    files: HeadFiles | None = None
    if settings.layout != "merged":
        if settings.with_base:
            base_name = f"./{BASE_FOLDER}"
        files = head_files(heads, settings.layout, base_name, lambda: _base_rows(heads, source))
    _check_room(output, heads, writer)
    try:
        place = output.resolve()
        place.parent.mkdir(parents=True, exist_ok=True)
        # Beside it, so that the whole folder can take its name at once.
        with TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as aside:
            part = Path(aside) / place.name
            count = _write(part, heads, files, writer, report)
            _move(part, place, Path(aside) / "old")
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ModelError(
            f"{output} cannot be written ({reason}): make room or take another --output."
        ) from error
    notices = (*source.notices, *problems.words(), *_notices(heads, settings))
    return Conversion(output, heads, base_name, count, notices)


def _write(
    part: Path,
    heads: MedusaHeads,
    files: HeadFiles | None,
    writer: ModelWriter | None,
    report: Report,
) -> int:
    """Write heads, base or both into ``part``; return how many tensors were found equal."""
    count = 0
    if files is not None:
        report(f"Writing {files.name}", None)
        files.write(part)
        report("Reading it back", None)
        count += compare(part, files.tensors.items())
    if writer is not None:
        folder = part if files is None else part / BASE_FOLDER
        writer.write(folder, report)
        report("Reading it back", None)
        count += compare(folder, writer.intended())
    compare_heads(part, heads)
    return count


def _cut(settings: ConvertSettings, source: Source, count: int, problems: Problems) -> MedusaHeads:
    """Return the source's heads with the rows of the commonest tokens alone."""
    assert settings.vocabulary_from is not None, "the settings see to that"
    heads = source.heads
    base = source.base_folder()
    output = output_matrix(base)[None] if heads.output_weight is None else heads.output_weight.data
    rows = output.shape[1]
    if count >= rows:
        raise UsageError(
            f"--vocabulary {count} leaves nothing out: the heads know {rows} tokens. Give fewer."
        )
    tokens = vocabulary.common_tokens(
        settings.vocabulary_from,
        load_tokenizer(base),
        _ends(base),
        count,
        vocabulary.known_tokens(heads, rows),
        problems,
    )
    return vocabulary.cut(heads, tokens, output)


def _ends(base: Path) -> frozenset[int]:
    """Return the tokens that end an answer, by the base's configs and its tokenizer."""
    tokenizer = load_tokenizer(base)
    said = [
        read_config(base).get("eos_token_id"),
        read_json(base / "generation_config.json").get("eos_token_id"),
        tokenizer.eos_token_id,
    ]
    ids = [one for each in said for one in (each if isinstance(each, list) else [each])]
    return frozenset(one for one in ids if isinstance(one, int))


def _base_rows(heads: MedusaHeads, source: Source) -> int:
    """Return the base's vocabulary: what heads that know all of it have, else what it says."""
    if heads.token_map is None:
        assert heads.vocabulary is not None, "vLLM's heads have matrices"
        return heads.vocabulary
    if source.heads.token_map is None and source.heads.vocabulary is not None:
        return source.heads.vocabulary
    rows = read_config(source.folder).get("vocab_size")  # heads of vLLM's kind say it themselves
    if not isinstance(rows, int) or source.is_merged:
        config = read_config(source.base_folder())
        text = config.get("text_config")
        rows = config.get("vocab_size", text.get("vocab_size") if isinstance(text, dict) else None)
    if not isinstance(rows, int):
        raise ModelError(
            f"{source.base_folder()} does not say how many tokens it has (vocab_size in its "
            "config.json): name another base with --base-model."
        )
    return rows


def _published(base_name: str, source: Source) -> str | None:
    """Return what a merged model calls its base: a Hub id, and no folder of this machine."""
    return base_name if is_hub_id(base_name) and not source.is_merged else None


def _check_output(settings: ConvertSettings, source: Source, base_name: str) -> None:
    output = settings.output
    whole = output.resolve()
    if whole == source.folder.resolve() or whole in source.folder.resolve().parents:
        raise UsageError(f"--output {output} holds the model to convert: name another folder.")
    base = (output / base_name).resolve()
    if base.is_dir() and (whole == base or whole in base.parents):
        raise UsageError(f"--output {output} holds the base: name another folder.")
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not output.is_dir():
        raise UsageError(f"--output {output} is a file: name a folder.")
    if not (output / "config.json").is_file():
        raise UsageError(
            f"--output {output} is not empty and holds no model, so it is never replaced: name "
            "another folder."
        )
    if not settings.force:
        raise UsageError(
            f"--output {output} holds a model: --force replaces the folder, or name another."
        )


def _check_room(output: Path, heads: MedusaHeads, writer: ModelWriter | None) -> None:
    needed = sum(one.nbytes for one in heads.parameters()) + (writer.bytes if writer else 0)
    place = next(one for one in (output.absolute(), *output.absolute().parents) if one.exists())
    free = shutil.disk_usage(place).free
    if needed + _SPARE_BYTES > free:
        raise ModelError(
            f"{output} needs {size(needed)} and {size(_SPARE_BYTES)} to spare, and {size(free)} "
            "are free: make room or take an --output on another disk."
        )


def _move(part: Path, output: Path, old: Path) -> None:
    """Give ``part`` its name; what had that name is ``old`` then."""
    if output.exists():
        output.replace(old)
    try:
        part.replace(output)
    except OSError:
        if old.exists():
            old.replace(output)
        raise


def _notices(heads: MedusaHeads, settings: ConvertSettings) -> list[str]:
    notices = []
    asked = settings.vocabulary
    if asked is not None and heads.vocabulary is not None and heads.vocabulary < asked:
        notices.append(f"Only {heads.vocabulary} different tokens are said: all are kept.")
    if settings.layout == "merged" and heads.layers > 1:
        notices.append(
            "The Medusa framework gives all layers of a head the weights of one, so it would read "
            "these heads wrongly; this program does not."
        )
    return notices
