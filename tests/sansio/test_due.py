from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.due import ROOM_FOR_STALE, DueQueue


def queue_of(**instants):
    queue = DueQueue()
    for item, (from_, due_at) in instants.items():
        queue.put(item, due_at=due_at, from_=from_)
    return queue


def test_an_empty_queue_has_nothing_due():
    assert (DueQueue().next_due(), DueQueue().take(1e9), len(DueQueue())) == (None, [], 0)


def test_what_may_come_early_is_taken_with_what_is_due():
    queue = queue_of(a=(5, 10), b=(9, 12), c=(11, 13))
    assert queue.next_due() == 10
    assert sorted(queue.take(10)) == ["a", "b"]
    assert queue.next_due() == 13
    assert [item in queue for item in "abc"] == [False, False, True]


def test_putting_again_replaces_the_instants():
    queue = queue_of(a=(1, 2), b=(3, 4))
    queue.put("a", due_at=20, from_=10)
    assert (queue.next_due(), queue.take(5), queue.next_due()) == (4, ["b"], 20)


def test_what_is_discarded_is_not_taken():
    queue = queue_of(a=(1, 2), b=(1, 3))
    queue.discard("a")
    queue.discard("never put")
    assert (queue.next_due(), queue.take(5), len(queue)) == (3, ["b"], 0)


def test_what_was_replaced_does_not_pile_up():
    queue = DueQueue()
    for instant in range(100_000):
        queue.put("a", due_at=instant + 1e6, from_=instant + 1e6)
        queue.put("b", due_at=instant + 1e6, from_=instant + 1e6)
    assert len(queue._due) + len(queue._early) <= 4 * 2 + ROOM_FOR_STALE + 2
    assert (queue.next_due(), sorted(queue.take(2e6))) == (99_999 + 1e6, ["a", "b"])


instants = st.integers(0, 50)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abcde"), instants, instants),
        st.tuples(st.just("discard"), st.sampled_from("abcde")),
        st.tuples(st.just("take"), instants),
    ),
    max_size=300,
)


@given(steps)
def test_it_agrees_with_a_plain_table(steps):
    queue, table = DueQueue(), {}
    for step, *values in steps:
        if step == "put":
            item, *when = values
            from_, due_at = sorted(when)
            queue.put(item, due_at=due_at, from_=from_)
            table[item] = (from_, due_at)
        elif step == "discard":
            queue.discard(values[0])
            table.pop(values[0], None)
        else:
            expected = {item for item, (from_, _) in table.items() if from_ <= values[0]}
            assert set(queue.take(values[0])) == expected
            table = {item: when for item, when in table.items() if item not in expected}
        assert queue.next_due() == min((due_at for _, due_at in table.values()), default=None)
        assert len(queue) == len(table)
