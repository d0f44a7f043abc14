from packcloud_async._sansio.list_knowledge import ListKnowledge


def rounds_without(known):
    """Read without the list until it is relied upon again; return how often that was."""
    count = 0
    while known.pages is None:
        known.read_without()
        count += 1
    return count


def test_while_a_walk_is_under_way_others_read_without_the_list():
    known = ListKnowledge(pages=3)
    assert (known.walking(), known.pages) == (3, None)
    known.read_without()
    assert known.pages is None
    known.walked(4)
    assert known.pages == 4


def test_each_failure_of_a_walk_puts_the_next_one_off_twice_as_far():
    known, rests = ListKnowledge(pages=3), []
    for _ in range(4):
        known.walk_failed(known.walking())
        rests.append(rounds_without(known))
    assert (rests, known.pages) == ([1, 3, 7, 15], 3)


def test_a_walk_that_succeeds_is_a_new_beginning():
    known = ListKnowledge(pages=3)
    for _ in range(3):
        known.walk_failed(known.walking())
    known.walked(5)
    known.read_without()
    assert known.pages == 5
    known.walk_failed(known.walking())
    assert (rounds_without(known), known.pages) == (1, 5)


def test_a_length_that_was_never_known_is_not_known_after_a_failure():
    known = ListKnowledge()
    known.walk_failed(known.walking())
    for _ in range(5):
        known.read_without()
    assert known.pages is None


def test_what_was_read_without_a_list_that_is_known_changes_nothing():
    known = ListKnowledge(pages=3)
    for _ in range(5):
        known.read_without()
    assert known.pages == 3
