from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.errors import HubError
from medusa_chat.models.hub.contents import check_names, has_tokenizer, wanted

SAFE = "model.safetensors"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = "model.safetensors.index.json"
PICKLES = ("pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin")
PICKLE_INDEX = "pytorch_model.bin.index.json"
SMALL = ("config.json", "generation_config.json", "tokenizer.model", "tokenizer_config.json")


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        ((SAFE,), (SAFE,)),
        ((*SHARDS, INDEX), (*SHARDS, INDEX)),
        ((*PICKLES, PICKLE_INDEX), (*PICKLES, PICKLE_INDEX)),
        (("pytorch_model.bin",), ("pytorch_model.bin",)),
        # The same weights several times.
        ((SAFE, "pytorch_model.bin"), (SAFE,)),
        ((*SHARDS, INDEX, *PICKLES, PICKLE_INDEX), (*SHARDS, INDEX)),
        ((*SHARDS, INDEX, SAFE), (*SHARDS, INDEX)),
        ((INDEX, SAFE), (SAFE,)),
        ((INDEX, *PICKLES, PICKLE_INDEX), (*PICKLES, PICKLE_INDEX)),
        # For other programs.
        ((SAFE, "consolidated.safetensors", "consolidated.00.pth"), (SAFE,)),
        ((SAFE, "tf_model.h5", "flax_model.msgpack", "model.onnx", "model.gguf"), (SAFE,)),
        (
            (SAFE, "training_args.bin", "optimizer.bin", "optimizer.pt", "trainer_state.json"),
            (SAFE,),
        ),
        ((SAFE, "onnx/model.safetensors", "original/params.json", ".gitattributes"), (SAFE,)),
        ((SAFE, "README.md", "LICENSE.txt", "adapter_model.safetensors"), (SAFE,)),
        ((SAFE, "merges.txt", "vocab.txt", "vocab.json", "chat_template.jinja"), None),
        # Heads alone: the better file of them, and no base's weights.
        (("medusa_lm_head.pt",), ("medusa_lm_head.pt",)),
        (("medusa_lm_head.pt", "medusa_lm_head.safetensors"), ("medusa_lm_head.safetensors",)),
        (("medusa_lm_head.pt", *PICKLES, PICKLE_INDEX), ("medusa_lm_head.pt",)),
        ((), ()),
    ],
)
def test_what_a_model_needs(names: tuple[str, ...], taken: tuple[str, ...] | None) -> None:
    assert wanted({*names, *SMALL}) == {*(names if taken is None else taken), *SMALL}


@given(st.sets(st.text(max_size=12) | st.sampled_from([SAFE, *SHARDS, INDEX, "a/config.json"])))
def test_nothing_outside_the_repositorys_root_is_wanted(names: set[str]) -> None:
    taken = wanted(names)
    assert taken <= names
    assert not any("/" in name or name.startswith(".") for name in taken)


@pytest.mark.parametrize(
    "name",
    [
        *("/etc/passwd", "../model.safetensors", "a/../../b", "..", "a\\b.json", "C:b.json", ""),
        *("a/./b", "a\x1b[2J.json", "a\nb.json", "a\x9b.json"),
    ],
)
def test_names_that_lead_out_of_the_cache(name: str) -> None:
    with pytest.raises(HubError, match="not to be trusted") as caught:
        check_names(["config.json", name], "somebody/model")
    assert caught.value.kind == "server"
    assert str(caught.value).isprintable()


def test_names_that_only_look_odd() -> None:
    check_names(["a..b.json", "runs/Nov08_10:22:01/events", "öäü.json", "..a/b..", "a b"], "x/y")


@pytest.mark.parametrize(
    ("names", "enough"),
    [
        ({"tokenizer.json"}, True),
        ({"tokenizer.model"}, True),
        ({"vocab.json", "merges.txt"}, True),
        ({"vocab.json"}, False),
        ({"tokenizer_config.json"}, False),
    ],
)
def test_a_tokenizer_can_be_made(names: set[str], enough: bool) -> None:
    assert has_tokenizer(names) == enough
