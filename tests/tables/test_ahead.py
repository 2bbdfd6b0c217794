"""Reading ahead yields the same items as reading."""

import threading

import pytest

from isthmus.tables.ahead import one_ahead


def test_items_keep_their_order():
    assert list(one_ahead(range(5))) == list(range(5))
    assert list(one_ahead([])) == []
    assert list(one_ahead([None, 0, ()])) == [None, 0, ()]


def test_an_error_is_raised_at_its_item():
    def failing():
        yield 1
        yield 2
        raise ValueError("torn")

    ahead = one_ahead(failing())
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(ValueError, match="torn"):
        next(ahead)


def test_at_most_one_item_is_prepared_ahead():
    made = []

    def counted():
        for number in range(10):
            made.append(number)
            yield number

    ahead = one_ahead(counted())
    assert next(ahead) == 0
    assert len(made) <= 2
    ahead.close()
    assert len(made) <= 2


def test_the_next_item_is_prepared_while_one_is_in_use():
    asked = threading.Event()

    def telling():
        yield "first"
        asked.set()
        yield "second"

    ahead = one_ahead(telling())
    assert next(ahead) == "first"
    assert asked.wait(10)
    assert list(ahead) == ["second"]
