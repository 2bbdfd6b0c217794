"""A record comes back as it was, and nothing else becomes one."""

import json
import math
from contextlib import suppress
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.storage.record import Setting, fact, from_plain, record, to_plain


@record
class Inner:
    """A record in a record."""

    word: str
    share: float = fact(above=0, below=1)


@record
class Outer:
    """A field of every kind there is."""

    count: int = fact(at_least=1, at_most=9)
    number: float
    any_number: float = fact(finite=False)
    switch: bool
    kind: Literal["a", "b", 3]
    names: tuple[str, ...] = fact(lengths=(1, 3))
    pair: tuple[int, float]
    sizes: list[int] = fact(at_least=0)
    inner: Inner | None
    inners: dict[str, Inner]
    settings: dict[str, Setting]
    path: str = fact(paths=True)
    free: Any
    later: int = fact(default=5)


FULL = Outer(
    count=3,
    number=-0.5,
    any_number=math.inf,
    switch=True,
    kind="a",
    names=("é", "</b>"),
    pair=(1, 2.0),
    sizes=[0, 1],
    inner=Inner("w", 0.5),
    inners={"x": Inner("", 0.25)},
    settings={"a": None, "b": True, "c": 1, "d": 1.0, "e": "one", "f": (1, 2)},
    path="/a/\udce9.csv",
    free={"deep": [1, None]},
)


def test_a_record_comes_back_as_it_was():
    assert from_plain(Outer, json.loads(json.dumps(to_plain(FULL)))) == FULL


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_is_a_word_where_it_may_be(number):
    plain = to_plain(Outer(**vars(FULL) | {"any_number": number}))
    assert plain["any_number"] in ("Infinity", "-Infinity", "NaN")
    assert str(from_plain(Outer, plain).any_number) == str(number)


def test_a_whole_number_will_do_where_a_number_is_asked_for():
    assert repr(from_plain(Outer, to_plain(FULL) | {"number": 2}).number) == "2.0"
    assert repr(from_plain(Outer, to_plain(FULL) | {"settings": {"c": 1}}).settings["c"]) == "1"


def test_a_field_with_a_default_may_be_missing():
    plain = to_plain(FULL)
    del plain["later"]
    assert from_plain(Outer, plain).later == 5


WRONG = [
    ({"count": 0}, "count must be a whole number of at least 1 and at most 9, got 0"),
    ({"count": 10}, "count must be .*, got 10"),
    ({"count": 1.0}, "count must be a whole number"),
    ({"count": True}, "count must be a whole number .* got True"),
    ({"count": None}, "count must be a whole number .* got None"),
    ({"number": math.inf}, "number must be a number, got inf"),
    ({"number": "NaN"}, "number must be a number, got 'NaN'"),
    ({"number": False}, "number must be a number, got False"),
    ({"any_number": "nan"}, "any_number must be a number, got 'nan'"),
    ({"switch": 1}, "switch must be true or false, got 1"),
    ({"kind": "c"}, "kind must be 'a' or 'b' or 3, got 'c'"),
    ({"kind": 3.0}, "kind must be"),
    ({"names": []}, r"names must be a list of 1 to 3 entries, got \[\]"),
    ({"names": ["a"] * 4}, "names must be a list of 1 to 3 entries"),
    ({"names": ["a", 1]}, r"names\[1\] must be text, got 1"),
    ({"names": "abc"}, "names must be a list"),
    ({"names": ["\ud800"]}, r"names\[0\] must be text"),
    ({"pair": [1]}, r"pair must be a list of 2, got \[1\]"),
    ({"pair": [1.5, 1]}, r"pair\[0\] must be a whole number, got 1.5"),
    ({"sizes": [1, -1]}, r"sizes\[1\] must be a whole number of at least 0, got -1"),
    ({"inner": []}, r"inner must be an object or null, got \[\]"),
    ({"inner": {"word": "a", "share": 1}}, "inner.share must be a number above 0 and below 1, got 1"),
    ({"inner": {"word": "a"}}, "inner: the key 'share' is missing"),
    ({"inner": {"word": "a", "share": 0.5, "x": 1}}, "inner: unknown key 'x'; a newer isthmus may know it"),
    ({"inners": {"q": {"word": 1, "share": 0.5}}}, "inners.q.word must be text, got 1"),
    ({"inners": {"\ud800": {"word": "", "share": 0.5}}}, "a key of inners must be text"),
    ({"settings": {"a": [1.0]}}, r"settings.a\[0\] must be a whole number, got 1.0"),
    ({"settings": {"a": {}}}, "settings.a must be true or false or a whole number or a number or text or"),
    ({"count": [0] * 1000}, r"count must be .*, got \[0, 0.{,70}$"),
    ({"inners": {"k" * 5000: 1}}, "inners.'k{,60}.{,40} must be an object, got 1"),
    ({"more": 1}, "^unknown key 'more'"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG, ids=[words[:30] for _, words in WRONG])
def test_each_mistake_is_named(changes, words):
    with pytest.raises(ValueError, match=words) as caught:
        from_plain(Outer, to_plain(FULL) | changes)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("missing", [name for name in vars(FULL) if name != "later"])
def test_a_missing_key_is_named(missing):
    plain = to_plain(FULL)
    del plain[missing]
    with pytest.raises(ValueError, match=f"^the key '{missing}' is missing$"):
        from_plain(Outer, plain)


@pytest.mark.parametrize("plain", [None, 1, [], "record"])
def test_what_is_no_object_is_no_record(plain):
    with pytest.raises(ValueError, match="the record must be an object"):
        from_plain(Outer, plain)


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 0},
        {"names": ("a", 1)},
        {"inner": Inner("", 2.0)},
        {"number": math.nan},
        {"switch": 1},
        {"sizes": (1,)},
    ],
    ids=str,
)
def test_what_could_not_be_read_is_not_written(changes):
    wrong = Outer(**vars(FULL) | changes)
    if changes == {"sizes": (1,)}:  # a tuple for a list reads the same
        assert to_plain(wrong)["sizes"] == [1]
        return
    with pytest.raises(ValueError, match="must be"):
        to_plain(wrong)


def test_what_a_record_says_itself_is_passed_on_with_its_place():
    @record
    class Ordered:
        low: int
        high: int

        def __post_init__(self):
            if self.low > self.high:
                raise ValueError(f"low={self.low} is above high={self.high}")

    @record
    class Holder:
        span: Ordered

    Holder.__annotations__["span"] = Ordered
    with pytest.raises(ValueError, match=r"^span: low=2 is above high=1$"):
        from_plain(Holder, {"span": {"low": 2, "high": 1}})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(vars(FULL))), value=JSON)
def test_any_json_is_a_record_or_a_sentence(name, value):
    with suppress(ValueError):
        found = from_plain(Outer, to_plain(FULL) | {name: value})
        assert to_plain(found)[name] == (float(value) if name == "number" else value)
