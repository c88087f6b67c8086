from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.conversation.conversation import Message
from medusa_chat.conversation.tree import MessageTree

from .examples import NOON


def message(message_id: int, parent: int | None) -> Message:
    return Message("user", f"m{message_id}", NOON, id=message_id, parent=parent)


PARENTS = st.lists(st.integers(0, 20), min_size=1, max_size=20).map(
    lambda parents: [
        message(number, None if parent % number == 0 else parent % number)
        for number, parent in enumerate(parents, 1)
    ]
)


@given(PARENTS, st.data())
def test_a_selected_message_is_read_and_its_branch_is_remembered(
    messages: list[Message], data: st.DataObject
) -> None:
    tree = MessageTree(messages)
    for _ in range(5):
        chosen = data.draw(st.sampled_from(messages))
        path = tree.path
        changed = tree.select(chosen.id)
        assert tree.path[: len(tree.path_to(chosen.id))] == tree.path_to(chosen.id)
        if chosen in path:
            assert (tree.path, changed) == (path, frozenset())
        # What changed is all that has to be written down.
        active = [one.id for one in messages if tree.is_active(one.id)]
        assert MessageTree(messages, active).path == tree.path


@given(PARENTS, st.data())
def test_exactly_one_of_the_siblings_is_active(
    messages: list[Message], data: st.DataObject
) -> None:
    tree = MessageTree(messages)
    tree.remove(data.draw(st.sampled_from(messages)).id)
    for one in tree:
        assert sum(tree.is_active(sibling.id) for sibling in tree.siblings(one.id)) == 1
        assert one in tree.siblings(one.id)


@given(PARENTS, st.data())
def test_removing_takes_what_follows_and_nothing_else(
    messages: list[Message], data: st.DataObject
) -> None:
    tree = MessageTree(messages)
    victim = data.draw(st.sampled_from(messages))
    below = {one.id for one in messages if victim in tree.path_to(one.id)}
    removed = tree.remove(victim.id)
    assert {one.id for one in removed} == below
    assert {one.id for one in tree} == {one.id for one in messages} - below
    for one in removed:
        tree.put(one)
    assert list(tree) == messages


def test_an_older_message_may_follow_a_newer_one() -> None:
    tree = MessageTree([message(1, None), message(2, 3), message(3, 1)])
    assert [one.id for one in tree.path] == [1, 3, 2]


def test_what_follows_a_missing_message_begins_anew() -> None:
    tree = MessageTree([message(1, None), message(5, 4)])
    assert [one.id for one in tree.siblings(5)] == [1, 5]


def test_the_newest_is_read_where_two_windows_chose() -> None:
    tree = MessageTree([message(1, None), message(2, None), message(3, None)], [1, 2])
    assert [one.id for one in tree.path] == [2]
