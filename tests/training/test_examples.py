"""Which tokens of a dialogue are learnt from, token by token, under several templates."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from golden_data import tiny_llama_tokenizer

from medusa_chat.errors import ModelError
from medusa_chat.training.batches import collate, guesses
from medusa_chat.training.examples import Encoder, Example
from medusa_chat.training.losses import IGNORED, head_targets
from medusa_chat.training.records import BadRecordError, Record
from training.runs import CHATML, chatml_tokenizer, dialogue, encoder


def record(line: dict[str, Any]) -> Record:
    if "text" in line:
        return Record(1, None, line["text"])
    return Record(1, tuple(line["messages"]), truncated=line.get("truncated", False))


def examples(line: dict[str, Any], with_: Encoder | None = None) -> list[Example]:
    found = (with_ or encoder()).encode([record(line)])[0]
    assert not isinstance(found, BadRecordError), found
    return found


def reason(line: dict[str, Any], with_: Encoder | None = None) -> str:
    found = (with_ or encoder()).encode([record(line)])[0]
    assert isinstance(found, BadRecordError)
    return str(found)


def marked(example: Example, tokenizer: Any) -> list[tuple[str, bool]]:
    """Return the example's tokens in words, each with whether it is learnt from."""
    learnt = {at for start, end in example.spans for at in range(start, end)}
    return [(tokenizer.decode([token]), at in learnt) for at, token in enumerate(example.ids)]


def with_template(template: str, base: Any = None) -> Any:
    tokenizer = copy.deepcopy(base or tiny_llama_tokenizer())
    tokenizer.chat_template = template
    return tokenizer


def test_the_tiny_llamas_own_template_token_by_token() -> None:
    tokenizer = tiny_llama_tokenizer()
    [example] = examples(dialogue("if x:", "return y", "a = 1", "b = 2"))
    whole = "<s>USER: if x: ASSISTANT: return y</s>USER: a = 1 ASSISTANT: b = 2</s>"
    pieces = marked(example, tokenizer)
    assert "".join(text for text, _ in pieces) == whole
    assert example.ids.count(tokenizer.bos_token_id) == 1
    learnt = "".join(text if learns else "|" for text, learns in pieces)
    assert [part for part in learnt.split("|") if part] == [" return y</s>", " b = 2</s>"]
    # The prompt of each answer is what the chat would send, and the rest continues it.
    for (start, end), upto in zip(example.spans, (1, 3), strict=True):
        messages = dialogue("if x:", "return y", "a = 1", "b = 2")["messages"][:upto]
        prompt = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=False
        )
        assert list(example.ids[:start]) == prompt
        assert example.ids[end - 1] == tokenizer.eos_token_id


def test_chatml_token_by_token() -> None:
    tokenizer = chatml_tokenizer()
    [example] = examples(dialogue("if x:", "y\nz", "a", ""), encoder(tokenizer))
    assert marked(example, tokenizer) == [
        (text, learns)
        for part, learns in [
            ("<|im_start|>user\nif x:<|im_end|>\n<|im_start|>assistant\n", False),
            # The end of the turn is the model's to write; the newline behind it is not.
            ("y\nz<|im_end|>", True),
            ("\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n", False),
            ("<|im_end|>", True),
            ("\n", False),
        ]
        for text in [
            tokenizer.decode([token])
            for token in tokenizer(part, add_special_tokens=False)["input_ids"]
        ]
    ]


def learnt(example: Example, tokenizer: Any) -> list[str]:
    return [tokenizer.decode(list(example.ids[start:end])) for start, end in example.spans]


def cut_short(*contents: str) -> dict[str, Any]:
    return dialogue(*contents) | {"truncated": True}


def test_behind_an_answer_that_was_cut_short_nothing_is_learnt() -> None:
    tokenizer = tiny_llama_tokenizer()
    [example] = examples(cut_short("if x:", "return y", "a = 1", "b = "))
    # The whole is what the chat would write; the end token of the first answer alone is learnt.
    assert tokenizer.decode(list(example.ids)).endswith("ASSISTANT: b = </s>")
    assert learnt(example, tokenizer) == [" return y</s>", " b = "]
    labels = collate([example], torch.device("cpu")).labels
    assert (labels == tokenizer.eos_token_id).sum() == 1
    # No head guesses what would come behind the cut.
    last = int((labels[0] != IGNORED).nonzero().max())
    assert last == len(example.ids) - 2
    targets = head_targets(labels, 4)
    for head in range(4):
        assert int((targets[head, 0] != IGNORED).nonzero().max()) == last - head - 2
    assert guesses(example, 2) == int((targets[0] != IGNORED).sum())


@pytest.mark.parametrize(
    ("written", "answers"),
    [
        ("m['content']", ["b\nc", "b\nc", "d "]),
        ("m['content'] | trim", ["b\nc", "b\nc", "d"]),
        # Written otherwise, nobody knows where it was cut.
        ("m['content'] | upper", []),
    ],
)
def test_it_is_found_where_a_template_strips_it_and_where_markers_are_text(
    written: str, answers: list[str]
) -> None:
    # The markers are no tokens of this vocabulary: the end of a turn is spelt out.
    spelt = CHATML.replace("message['content']", written.replace("m[", "message["))
    tokenizer = with_template(spelt)
    found = [
        learnt(example, tokenizer)
        for contents in (("a", "b\nc"), ("a b\nc", "b\nc"), ("a", "d "))
        for result in encoder(tokenizer).encode([record(cut_short(*contents))])
        if not isinstance(result, BadRecordError)
        for example in result
    ]
    assert found == [[answer] for answer in answers]
    refused = reason(cut_short("a", ""), encoder(tokenizer))
    assert refused == "no answer begins within the first 256 tokens"


def test_an_answer_that_was_cut_short_while_it_thinks() -> None:
    tokenizer = with_template(
        CHATML.replace("assistant\\n' }}{% endif", "assistant\\n<think>\\n' }}{% endif"),
        chatml_tokenizer(),
    )
    [example] = examples(cut_short("a", "<think>\nb"), encoder(tokenizer))
    assert learnt(example, tokenizer) == ["b"]


def test_half_a_character_at_the_cut_is_left_out() -> None:
    [example] = examples(cut_short("a", "b \N{REPLACEMENT CHARACTER}"))
    assert learnt(example, tiny_llama_tokenizer()) == [" b "]


def test_a_token_that_reaches_beyond_the_cut_is_left_out() -> None:
    # As one text "return" is one token, of which the answer had but a part.
    tokenizer = with_template(
        "{% for m in messages %}{{ m['content'] }}{{ 'n' if m['role'] == 'assistant' }}{% endfor %}"
    )
    [example] = examples(cut_short("a=", "x retur"), encoder(tokenizer))
    assert marked(example, tokenizer)[-1] == (" return", False)
    assert learnt(example, tokenizer) == ["x"]


def test_a_template_without_an_end_of_turn_ends_with_its_message() -> None:
    tokenizer = with_template(
        "{% for m in messages %}{{ m['role'] + ':' + m['content'] + ';\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
    )
    [example] = examples(dialogue("if x:", "y", "a", "b"), encoder(tokenizer))
    learnt = [tokenizer.decode(list(example.ids[start:end])) for start, end in example.spans]
    assert learnt == ["y;\n", "b;\n"]


def test_a_template_that_rewrites_earlier_answers_makes_an_example_an_answer() -> None:
    # As templates of reasoning models do, which drop all reasoning but the last.
    tokenizer = with_template(
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
        "{% if m['role'] == 'assistant' and loop.last %}{{ '(thinking)\n' }}{% endif %}"
        "{{ m['content'] + '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        chatml_tokenizer(),
    )
    splitting = encoder(tokenizer)
    found = examples(dialogue("a", "b", "c", "d"), splitting)
    assert splitting.split_dialogues == 1
    assert [
        [tokenizer.decode(list(one.ids[start:end])) for start, end in one.spans] for one in found
    ] == [["(thinking)\nb<|im_end|>"], ["(thinking)\nd<|im_end|>"]]


def test_a_template_whose_prompts_begin_nothing_is_told() -> None:
    tokenizer = with_template(
        "{{ 'asks' if add_generation_prompt else 'tells' }}"
        "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    assert "does not write the prompt as the beginning" in reason(
        dialogue("a", "b"), encoder(tokenizer)
    )


def test_a_template_without_system_messages_gets_it_with_the_question() -> None:
    tokenizer = with_template(
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}{{ m['role'] + ':' + m['content'] + '</s>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
    )
    line = dialogue("a", "b")
    line["messages"].insert(0, {"role": "system", "content": "S"})
    [example] = examples(line, encoder(tokenizer))
    assert tokenizer.decode(list(example.ids)) == "user:S\n\na</s>assistant:b</s>"
    [(start, end)] = example.spans
    assert tokenizer.decode(list(example.ids[start:end])) == "b</s>"


def test_dialogues_without_an_answer_are_told() -> None:
    assert reason({"messages": []}) == "no answer of the assistant"
    assert reason(dialogue("only a question")) == "no answer of the assistant"
    refusing = with_template("{{ raise_exception('never') }}")
    assert "refuses the dialogue (never)" in reason(dialogue("a", "b"), encoder(refusing))


def test_a_long_dialogue_is_cut_and_says_how_much() -> None:
    [whole] = examples(dialogue("if x:", "return y", "a = 1", "b = 2"))
    short = encoder(max_length=whole.spans[0][1] + 1)
    [cut] = examples(dialogue("if x:", "return y", "a = 1", "b = 2"), short)
    assert cut.ids == whole.ids[: short.max_length]
    assert cut.spans == whole.spans[:1]
    assert cut.cut == len(whole.ids) - short.max_length
    assert "within the first 3 tokens" in reason(dialogue("if", "y"), encoder(max_length=3))


def test_a_text_is_learnt_whole_in_windows_that_begin_alike() -> None:
    tokenizer = tiny_llama_tokenizer()
    text = "def first(self):\n    return self.second\n" * 5
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    found = examples({"text": text}, encoder(max_length=20))
    assert all(len(one.ids) <= 20 and one.ids[0] == ids[0] for one in found)
    assert all(one.spans == ((1, len(one.ids)),) for one in found)
    joined = [token for one in found for token in one.ids[1:]]
    assert joined == ids[1 : 1 + len(joined)]
    assert len(ids) - 1 - len(joined) <= 1


def test_a_text_that_spells_out_its_beginning_has_one() -> None:
    [example] = examples({"text": "<s>def first"})
    assert example.ids.count(1) == 1
    assert reason({"text": ""}) == "an empty text"


def test_many_records_keep_their_order() -> None:
    lines = [dialogue("a", "b"), {"text": "if x:\n"}, dialogue("q"), dialogue("c", "d")]
    together = encoder().encode([record(line) for line in lines])
    alone = [encoder().encode([record(line)])[0] for line in lines]
    assert [str(one) for one in together] == [str(one) for one in alone]


def test_a_tokenizer_without_offsets_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(ModelError, match="offsets"):
        Encoder(Slow(), None, 10)  # type: ignore[arg-type]
