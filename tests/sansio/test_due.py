from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.due import NOWHERE, DueQueue


class Item:
    def __init__(self, name):
        self.name, self.due_at, self.early_at, self.place = name, 0.0, 0.0, NOWHERE


def put(queue, item, *, due_at, from_):
    item.due_at, item.early_at = due_at, from_
    queue.put(item)


def queue_of(**instants):
    queue, items = DueQueue(), {name: Item(name) for name in instants}
    for name, (from_, due_at) in instants.items():
        put(queue, items[name], due_at=due_at, from_=from_)
    return queue, items


def names(taken):
    return sorted(item.name for item in taken)


def test_an_empty_queue_has_nothing_due():
    assert (DueQueue().next_due(), DueQueue().take(1e9), len(DueQueue())) == (None, [], 0)


def test_what_may_come_early_is_taken_with_what_is_due():
    queue, items = queue_of(a=(5, 10), b=(9, 12), c=(11, 13))
    assert queue.next_due() == 10
    assert names(queue.take(10)) == ["a", "b"]
    assert queue.next_due() == 13
    assert [items[name] in queue for name in "abc"] == [False, False, True]


def test_nothing_comes_early_while_nothing_is_due():
    queue, items = queue_of(a=(1, 10), b=(9, 12))
    items["c"] = Item("c")
    put(queue, items["c"], due_at=3, from_=2)
    queue.discard(items["c"])
    # The instant of what was discarded may be told, but nothing is taken at it.
    assert (queue.next_due(), queue.take(3), queue.next_due()) == (3, [], 10)


def test_putting_again_replaces_the_instants():
    queue, items = queue_of(a=(1, 2), b=(3, 4))
    put(queue, items["a"], due_at=20, from_=10)
    assert (queue.take(3), names(queue.take(5)), queue.next_due()) == ([], ["b"], 20)


def test_what_is_discarded_is_not_taken():
    queue, items = queue_of(a=(1, 2), b=(1, 3))
    queue.discard(items["a"])
    queue.discard(Item("never put"))
    assert (names(queue.take(5)), len(queue)) == (["b"], 0)


instants = st.integers(0, 50)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abcde"), instants, instants),
        st.tuples(st.just("discard"), st.sampled_from("abcde")),
        st.tuples(st.just("put all"), instants, instants),
        st.tuples(st.just("take"), instants),
    ),
    max_size=300,
)


@given(steps)
def test_it_agrees_with_a_plain_table(steps):
    queue, table, items = DueQueue(), {}, {name: Item(name) for name in "abcde"}
    for step, *values in steps:
        first_due = min((due_at for _, due_at in table.values()), default=None)
        if step == "put":
            item, *when = values
            from_, due_at = sorted(when)
            put(queue, items[item], due_at=due_at, from_=from_)
            table[item] = (from_, due_at)
        elif step == "put all":
            from_, due_at = sorted(values)
            for item in items.values():
                item.due_at, item.early_at = due_at, from_
            queue.put_all(items.values())
            table = dict.fromkeys(items, (from_, due_at))
        elif step == "discard":
            queue.discard(items[values[0]])
            table.pop(values[0], None)
        else:
            is_due = first_due is not None and first_due <= values[0]
            expected = {item for item, (from_, _) in table.items() if is_due and from_ <= values[0]}
            assert {item.name for item in queue.take(values[0])} == expected
            table = {item: when for item, when in table.items() if item not in expected}
        first_due = min((due_at for _, due_at in table.values()), default=None)
        told = queue.next_due()
        assert (told is None) == (first_due is None)
        assert told is None or told <= first_due
        assert {name for name, item in items.items() if item in queue} == set(table)
        assert len(queue) == len(table)


def test_many_are_put_as_one_after_the_other_would_be():
    queue, items = queue_of(a=(5, 10), b=(9, 12), c=(9, 12))
    queue.discard(items["c"])
    items["d"] = Item("d")
    for due_at, item in enumerate(items.values(), 7):
        item.due_at = item.early_at = due_at
    queue.put_all(items.values())
    assert (len(queue), queue.next_due()) == (4, 7)
    assert names(queue.take(9)) == ["a", "b", "c"]
    assert names(queue.take(10)) == ["d"]
