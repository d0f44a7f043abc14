"""Values are written, compared and hashed as attrs would do it."""

import copy
import pickle

import attrs
import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async import models, policies
from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.secret import Secret
from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async._sansio.wire import Request, Response


def _loudly(value):
    return f"<{value}!>"


@frozen
class ByAttrs:
    """As attrs writes it."""

    plain: object
    _private: object = 2
    hidden: object = field(default=3, repr=False)
    loud: object = field(default=4, repr=_loudly)
    apart: object = field(default=5, eq=False)
    unhashed: object = field(default=6, hash=False)


@frozen
class Value:
    """The same, with what all values share."""

    plain: object
    _private: object = 2
    hidden: object = field(default=3, repr=False)
    loud: object = field(default=4, repr=_loudly)
    apart: object = field(default=5, eq=False)
    unhashed: object = field(default=6, hash=False)

    __repr__, __eq__, __hash__ = shown, equal, hashed


@frozen
class Other:
    """Another class with the same fields."""

    plain: object

    __repr__, __eq__, __hash__ = shown, equal, hashed


NAMES = [name.lstrip("_") for name in attrs.fields_dict(Value)]
fields = st.fixed_dictionaries({name: st.integers(0, 1) | st.none() | st.just([]) for name in NAMES})


@given(fields, fields)
def test_two_are_equal_when_attrs_would_say_so(one, other):
    assert (Value(**one) == Value(**other)) is (ByAttrs(**one) == ByAttrs(**other))
    assert (Value(**one) != Value(**other)) is (ByAttrs(**one) != ByAttrs(**other))


@given(fields)
def test_it_is_written_as_attrs_would_write_it(given_fields):
    assert repr(Value(**given_fields)) == repr(ByAttrs(**given_fields)).replace("ByAttrs", "Value")


def test_hidden_is_hidden_and_loud_is_loud():
    assert repr(Value("a", hidden="s3cret", loud="b")) == "Value(plain='a', _private=2, loud=<b!>, apart=5, unhashed=6)"


def test_equal_ones_have_one_hash_and_only_what_is_hashed_counts():
    one, other = Value(1, apart=1, unhashed=[]), Value(1, apart=2, unhashed=[])
    assert one == other
    assert hash(one) == hash(other) != hash(Value(2))
    assert hash(one) == hash(Value(1, unhashed="another"))
    assert one != Value(1, unhashed="another")
    with pytest.raises(TypeError, match="unhashable"):
        hash(Value([]))


def test_one_of_another_class_is_not_equal():
    assert Other(1) != ByAttrs(1)
    assert Other(1) != Value(1)
    assert Other(1) == Other(1)
    assert hash(Other(1)) == hash(Other(1))
    # A mock that equals everything is asked too.
    assert Other(1) == AlwaysEqual()


@frozen
class Derived(Other):
    """A class derived from another, with its fields."""

    __repr__, __eq__, __hash__ = shown, equal, hashed


def test_one_of_a_derived_class_is_not_equal_on_either_side():
    assert Other(1) != Derived(1)
    assert Derived(1) != Other(1)
    assert equal(Other(1), Derived(1)) is equal(Derived(1), Other(1)) is NotImplemented


class AlwaysEqual:
    def __eq__(self, other):
        return True

    __hash__ = None


def test_what_holds_itself_is_written_once():
    inner = []
    value = Other(inner)
    inner.append(value)
    assert repr(value) == "Other(plain=[...])"


def test_what_is_not_set_yet_is_told_as_nothing():
    assert repr(Other.__new__(Other)) == "Other(plain=NOTHING)"


def test_a_class_inside_a_function_is_called_by_its_name_alone():
    @frozen
    class Inside:
        plain: int

        __repr__, __eq__, __hash__ = shown, equal, hashed

    assert repr(Inside(1)) == "Inside(plain=1)"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
@pytest.mark.parametrize("value", [Value(1), Request("GET", "https://x/"), Response(200), policies.RateLimit(5)])
def test_a_copy_is_equal(value, copied):
    assert copied(value) == value
    assert hash(copied(Other(1))) == hash(Other(1))


ALL = [
    kind
    for place in (models, policies)
    for kind in vars(place).values()
    if isinstance(kind, type) and attrs.has(kind) and kind not in {models.IntegrationSettings, Secret}
]


@pytest.mark.parametrize("kind", [*ALL, Call, Request, Response], ids=lambda kind: kind.__name__)
def test_what_users_hold_shares_them(kind):
    assert (kind.__repr__, kind.__eq__, kind.__hash__) == (shown, equal, hashed)
