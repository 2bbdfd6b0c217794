"""isthmus fit --ratings and isthmus recommend: ratings in, items for users out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cli.conftest import call


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """Ratings of two tastes, in a file with stars and in one without, and a run on the first."""
    folder, rng = tmp_path_factory.mktemp("rated"), np.random.default_rng(0)
    rows = [
        (f"user {user}", f"film {item}", 5 if user % 2 == item % 2 else 1)
        for user in range(60)
        for item in range(20)
        if rng.random() < (0.6 if user % 2 == item % 2 else 0.2)
    ]
    (folder / "stars.csv").write_text("who,what,stars\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    (folder / "likes.tsv").write_text("who\twhat\n" + "".join(f"{a}\t{b}\n" for a, b, _ in rows))
    called = call(
        "fit", folder / "stars.csv", "--ratings", "who,what,stars", "--threshold", "4", "--max-iter", "5",
        "-o", folder / "run",
    )  # fmt: skip
    assert called.code == 0, called.err
    assert "EASE" in called.out
    assert f"{len(rows)} ratings by 60 users of 20 items." in called.err
    return folder


def test_users_of_the_fit_get_what_their_taste_likes(rated, tmp_path):
    called = call("recommend", rated / "run", "-n", "3", "-o", tmp_path / "found.csv")
    assert called.code == 0, called.err
    lines = [line.replace('"', "").split(",") for line in (tmp_path / "found.csv").read_text().splitlines()]
    assert lines[0] == ["user", "rank", "item", "score"]
    right = [int(user.split()[1]) % 2 == int(item.split()[1]) % 2 for user, rank, item, _ in lines[1:] if rank == "1"]
    assert np.mean(right) > 0.9


def test_users_who_were_not_there_and_users_by_name(rated, tmp_path):
    (tmp_path / "new.csv").write_text("who,what,stars\nann,film 2,5\nann,film 4,5\nbob,film 3,5\n")
    called = call("recommend", rated / "run", tmp_path / "new.csv", "--user", "ann", "-n", "2")
    assert called.code == 0, called.err
    found = [line.replace('"', "").split(",") for line in called.out.splitlines()[1:]]
    assert [user for user, *_ in found] == ["ann", "ann"]
    assert all(int(item.split()[1]) % 2 == 0 for _, _, item, _ in found)
    assert len(call("recommend", rated / "run", "--user", "user 7", "-n", "2").out.splitlines()) == 3


def test_ratings_without_values_and_a_report_for_machines(rated, tmp_path):
    called = call(
        "fit", rated / "likes.tsv", "--ratings", "who,what", "--max-iter", "0", "--json", "-o", tmp_path / "run"
    )
    assert called.code == 0, called.err
    report = json.loads(called.out)
    assert report["n_users"] == 60
    assert report["comparison"]["EASE"]["ndcg_100"] > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--ratings", "who"), "--ratings must be user,item or user,item,value"),
        (("--ratings", "who,what,mood"), "no column 'mood'"),
        (("--ratings", "who,mood"), "there is no column 'mood'"),
        (("--ratings", "who,what,stars", "--labels", "who"), "--labels: not for ratings"),
        (("--ratings", "who,what,stars", "--n-components", "2"), "--n-components: not for ratings"),
        (("--threshold", "3"), "--threshold: for ratings; name their columns"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(rated, tmp_path, words, told):
    called = call("fit", rated / "stars.csv", *words, "-o", tmp_path / "run")
    assert called.code != 0
    assert told in called.err
    assert not (tmp_path / "run").exists()


def test_other_commands_say_what_the_run_is(rated, table_run):
    assert "use it with isthmus recommend" in call("encode", rated / "run", rated / "stars.csv").err
    assert "is not a model of ratings" in call("recommend", table_run).err
    assert "1 user was not in the fit: nobody" in call("recommend", rated / "run", "--user", "nobody").err
