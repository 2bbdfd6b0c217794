"""``isthmus fit FILE --ratings user,item[,value]``: an autoencoder of items, compared with the closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus.cli.outcome import UsageError, as_json, print_json, say, show, warnings_said
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import OF_TABLES, ReadingFlags
from isthmus.cli.run_folder import EVALUATION, MODEL, require_free_run, written_run
from isthmus.cli.typed_flags import typed_besides
from isthmus.text_table import counted

__all__ = ["AskedRatings", "fit_ratings", "rating_columns", "require_ratings"]

SETTINGS = {"threshold": float, "ridge": float, "max_iter": int, "max_items": int}  # of an `ItemAutoencoder`
OF_EVERY_FIT = ("output", "overwrite", "json", "seed", "no_plots", "no_page")


@dataclass(frozen=True)
class AskedRatings:
    """The arguments of the command."""

    data: str
    columns: str
    reading: ReadingFlags
    settings: Mapping[str, Any]
    seed: int


def rating_columns(text: str) -> tuple[str, ...]:
    """The columns in ``user,item,value``; a `UsageError` unless there are two or three."""
    columns = tuple(part.strip() for part in text.split(","))
    if not 2 <= len(columns) <= 3 or not all(columns):
        raise UsageError(f"--ratings must be user,item or user,item,value, the names of columns, got {text!r}.")
    return columns


def require_ratings(flags: Mapping[str, Any]) -> None:
    """Refuse flags of ratings where no columns of ratings are named."""
    given = [flag for flag, value in flags.items() if value is not None]
    if given:
        raise UsageError(f"{', '.join(given)}: for ratings; name their columns with --ratings user,item,value.")


def fit_ratings(asked: AskedRatings, run: Path, *, overwrite: bool, json: bool) -> None:
    """Fit to ratings, write the run folder, and print how held-out users' likes are ranked."""
    columns = rating_columns(asked.columns)
    if others := typed_besides("ratings", *SETTINGS, *OF_TABLES, *OF_EVERY_FIT):
        raise UsageError(f"{', '.join(others)}: not for ratings, whose columns --ratings names.")
    typed = {name: value for name, value in asked.settings.items() if value is not None}
    require_free_run(run, overwrite=overwrite)
    refuse_own_inputs([], [asked.data], replaced=[run])
    import numpy as np

    from isthmus.ratings.interactions import liked
    from isthmus.ratings.item_autoencoder import ItemAutoencoder
    from isthmus.ratings.reading import read_ratings
    from isthmus.storage import save

    ratings = read_ratings(asked.data, columns, asked.reading.options())
    n_users, n_items = ratings.matrix.shape
    say(f"{counted(ratings.matrix.nnz, 'rating')} by {counted(n_users, 'user')} of {counted(n_items, 'item')}.")
    if ratings.n_repeated:
        say(f"note: {counted(ratings.n_repeated, 'time')} a user rated an item again; the last rating counts.")
    settings = {name: _number(name, value) for name, value in typed.items()}
    model = ItemAutoencoder(random_state=asked.seed, **settings)
    say("fitting EASE, and a network to add to it …")
    with warnings_said():
        model.fit(ratings)
    single = int((np.diff(liked(ratings.matrix, model.threshold_).indptr) == 1).sum())
    if single:
        users = counted(single, "user", "has", "have")
        say(f"note: {users} a single like, which shows how popular its item is but not what goes with it.")
    report = _report(run, model)
    kept = {name: value for name, value in report.items() if name != "run"}

    def write(folder: Path) -> None:
        save(model, folder / MODEL)
        (folder / EVALUATION).write_text(as_json(kept), encoding="utf-8")

    written_run(run, write, overwrite=overwrite)
    if json:
        print_json(report)
        return
    show(*_table(model), report["sentence"], f"The run is in {str(run)!r}.")
    show(f"Next: isthmus recommend {run} -o recommended.csv names ten items for every user.")


def _number(name: str, text: Any) -> Any:
    try:
        return SETTINGS[name](text)
    except ValueError as error:  # only --max-iter is still text
        raise UsageError(f"--{name.replace('_', '-')} must be a whole number, got {text!r}.") from error


def _report(run: Path, model: Any) -> dict[str, Any]:
    return {
        "run": str(run),
        "variant": "items",
        "n_users": len(model.users_),
        "n_items": len(model.items_),
        "threshold": model.threshold_,
        "ridge": model.ridge_,
        "network_weight": model.network_weight_,
        "comparison": model.comparison_,
        "sentence": _sentence(model),
    }


def _sentence(model: Any) -> str:
    compared = model.comparison_
    if not compared:
        return "Too few users to hold any out; the closed form is used, with its ordinary ridge."
    ease = compared["EASE"]["ndcg_100"]
    if "EASE and network" not in compared:
        return f"The closed form is used alone: nDCG@100 {ease:.3f} on {compared['EASE']['users']} held-out users."
    both = compared["EASE and network"]["ndcg_100"]
    if model.network_weight_:
        return f"The network adds to the closed form: nDCG@100 {both:.3f} instead of {ease:.3f} on held-out users."
    return f"The network adds nothing that held-out users show ({both:.3f}, EASE {ease:.3f}); the closed form is used."


def _table(model: Any) -> list[str]:
    lines = [f"{'':<18}nDCG@100  recall@20"]
    for name, one in model.comparison_.items():
        lines.append(f"{name:<18}{one['ndcg_100']:>8.3f}  {one['recall_20']:>9.3f}")
    return lines if model.comparison_ else []
