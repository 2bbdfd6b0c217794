"""Items recommended to users: the closed form, the ranking's measures, the network beside it, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from isthmus import ItemAutoencoder, load, save
from isthmus.ratings import interactions
from isthmus.ratings.blending import choose_blend
from isthmus.ratings.ease import ease_weights, gram_of
from isthmus.ratings.ranking import first_items, hide_likes, ranked


def tastes(n_users: int = 80, n_items: int = 24, seed: int = 0) -> sparse.csr_matrix:
    """Users of three tastes, who like most items of theirs and few others."""
    rng = np.random.default_rng(seed)
    share = np.where(np.arange(n_users)[:, None] % 3 == np.arange(n_items) % 3, 0.6, 0.05)
    return sparse.csr_matrix((rng.random((n_users, n_items)) < share).astype(float))


@pytest.fixture(scope="module")
def model() -> ItemAutoencoder:
    return ItemAutoencoder(max_iter=10, random_state=0).fit(tastes())


def test_the_weights_are_the_ridge_regressions_of_each_item_on_the_others():
    likes = tastes(40, 6)
    weights, X = ease_weights(gram_of(likes), 3.0), likes.toarray()
    for item in range(6):
        others = np.delete(np.arange(6), item)
        design = X[:, others]
        expected = np.linalg.solve(design.T @ design + 3.0 * np.eye(5), design.T @ X[:, item])
        np.testing.assert_allclose(weights[others, item], expected, rtol=1e-4, atol=1e-6)
        assert weights[item, item] == 0


def test_the_measures_known_on_paper():
    known = sparse.csr_matrix([[1.0, 0, 0, 0]])
    hidden = sparse.csr_matrix([[0, 0, 1.0, 1.0]])
    found = ranked(np.array([[9.0, 3.0, 2.0, 1.0]]), known, hidden, depth=3)  # the order is 1, 2, 3: item 0 is known
    assert found.ndcg[0] == pytest.approx((1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3)))
    assert found.recall[0] == 1
    assert ranked(np.array([[0.0, 1.0, 2.0, 3.0]]), known, hidden, depth=3).ndcg[0] == pytest.approx(1)


def test_hidden_likes_and_known_ones_are_the_likes_of_users_who_have_two():
    likes = sparse.vstack([sparse.csr_matrix((1, 24)), tastes()[1:]]).tocsr()
    some, known, hidden = hide_likes(likes, np.random.default_rng(0))
    assert 0 not in some
    assert (known + hidden != likes[some]).nnz == 0
    assert np.diff(hidden.indptr).min() >= 1
    assert np.diff(known.indptr).min() >= 1


def test_of_equal_scores_the_earlier_item_comes_first():
    assert first_items(np.zeros((1, 5)), sparse.csr_matrix((1, 5)), 3).tolist() == [[0, 1, 2]]


def test_users_are_recommended_what_others_of_their_taste_like(model):
    found = model.recommend(list(model.users_), n=3)
    right = [
        int(item) % 3 == int(user) % 3
        for user, items in zip(found.users, found.items, strict=True)
        for item in items
        if item is not None
    ]
    assert np.mean(right) > 0.8
    seen = tastes().toarray() > 0
    assert not any(
        seen[int(user), int(item)] for user, items in zip(found.users, found.items, strict=True) for item in items
    )


def test_a_user_who_was_not_there_gets_what_the_same_likes_had_got(model):
    some = tastes()[:5]
    known, folded = model.recommend(list(model.users_[:5]), 4), model.recommend(some, 4)
    np.testing.assert_array_equal(known.items, folded.items)
    np.testing.assert_allclose(known.scores.astype(float), folded.scores.astype(float), rtol=1e-5)


def test_the_comparison_says_what_is_used(model):
    compared = model.comparison_
    assert compared["EASE"]["ndcg_100"] > compared["popularity"]["ndcg_100"]
    if model.network_weight_:
        assert compared["EASE and network"]["ndcg_100"] > compared["EASE"]["ndcg_100"]
    assert (model.network_ is None) == (model.network_weight_ == 0)


def test_a_network_that_helps_is_used_and_one_that_does_not_is_not():
    likes = tastes(160)
    _, known, hidden = hide_likes(likes[120:], np.random.default_rng(0))
    noise = np.random.default_rng(1).normal(size=known.shape)
    assert choose_blend(likes[:120], known, hidden, noise, 0, 20).weight > 0
    perfect = 100 * hidden.toarray()  # which nothing can rank better
    assert choose_blend(likes[:120], known, hidden, perfect, 0, 20).weight == 0
    assert choose_blend(likes[:120], known[:5], hidden[:5], noise[:5], 0, 20).weight == 0  # too few to tell


def test_the_same_seed_gives_the_same_recommendations_and_so_does_a_saved_model(model, tmp_path):
    again = ItemAutoencoder(max_iter=10, random_state=0).fit(tastes())
    np.testing.assert_array_equal(again.weights_, model.weights_)
    save(model, tmp_path / "model")
    back = load(tmp_path / "model")
    one, other = model.recommend(list(model.users_), 5), back.recommend(list(model.users_), 5)
    np.testing.assert_array_equal(one.items, other.items)
    np.testing.assert_array_equal(one.scores, other.scores)
    assert back.comparison_ == model.comparison_


def test_ratings_below_the_threshold_are_no_likes_and_not_recommended_either():
    frame = pd.DataFrame({"who": list("aabbccdd"), "what": list("xyxyxyxz"), "stars": [5, 5, 5, 5, 5, 1, 5, 1]})
    with pytest.warns(UserWarning, match=r"1 item is left out.*z"):
        fitted = ItemAutoencoder(threshold=3, max_iter=0).fit(frame)
    assert fitted.left_out_ == ("z",)
    assert fitted.columns_ == ("who", "what", "stars")
    found = fitted.recommend(["c"], 2)
    assert found.items.tolist() == [[None, None]]  # c has rated both, and liked one
    assert np.isnan(found.scores.astype(float)).all()
    assert fitted.recommend(["d"], 1).items.tolist() == [["y"]]


def test_a_user_of_whom_nothing_is_known_gets_the_most_popular(model):
    with pytest.warns(UserWarning, match=r"items that were not in the fit \(1\) are ignored"):
        found = model.recommend((["new"], ["nothing here"]), 1)
    assert found.items[0, 0] == model.items_[int(model.popularity_.argmax())]


def test_a_pair_that_comes_twice_counts_as_it_came_last():
    found = interactions(["a", "a", "b"], ["x", "x", "y"], [1, 5, 2])
    assert found.matrix.toarray().tolist() == [[5, 0], [0, 2]]
    assert found.n_repeated == 1
    assert interactions([1.0, 2.0], ["x", "y"]).users == ("1", "2")


@pytest.mark.parametrize(
    ("ratings", "match"),
    [
        (sparse.csr_matrix([[1.0, 0, 1], [1, 0, 1]]), r"nobody rated 1 of the 3 items \(column 1\)"),
        (sparse.csr_matrix(np.eye(3)), "no user has two ratings"),
        ((["a", "b"], ["x"], [1, 2]), "equally many"),
        ((["a", None], ["x", "y"]), "ratings without user: 1, the first in row 1"),
        ((["a", "a"], ["x", "y"], [1, np.nan]), "without a finite value: 1, the first in row 1"),
        ((["a", "a"], ["x", "y"], ["good", "bad"]), "must be numbers"),
        (([], []), "there are no ratings"),
        (pd.DataFrame({"a": [1]}), "two or three columns"),
        (7, "takes ratings as"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(ratings, match):
    with pytest.raises(ValueError, match=match) as caught:
        ItemAutoencoder().fit(ratings)
    assert "\n" not in str(caught.value)


def test_too_many_items_are_refused_before_their_weights_are_made():
    with pytest.raises(ValueError, match=r"24 items are more than max_items=10.*leave out items"):
        ItemAutoencoder(max_items=10).fit(tastes())


def test_unknown_users_and_other_widths_are_refused(model):
    with pytest.raises(ValueError, match="1 user was not in the fit: nobody"):
        model.recommend(["nobody"])
    with pytest.raises(ValueError, match="ratings have 3 items, and those of the fit had 24"):
        model.recommend(sparse.csr_matrix((1, 3)))
    with pytest.raises(ValueError, match="n as a whole number"):
        model.recommend(["1"], 0)
