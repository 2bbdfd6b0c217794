"""``isthmus recommend``: the items that users would like best among those they haven't rated."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.data_split import require_data
from isthmus.cli.outcome import CommandError, UsageError, say, warnings_said
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.ratings_fit import rating_columns
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.row_flags import Overwrite, RunPath
from isthmus.cli.rows_output import to_stdout
from isthmus.cli.run_folder import open_run
from isthmus.text_table import counted

__all__ = ["recommend"]

WRITTEN = (".csv", ".tsv", ".parquet")


def recommend(
    run: RunPath,
    data: str | None = None,
    /,
    *,
    count: Annotated[int, Parameter(("--count", "-n"), validator=Number(gte=1))] = 10,
    user: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    ratings: str | None = None,
    output: Annotated[Path | None, Parameter(("--output", "-o"), show_default=False)] = None,
    overwrite: Overwrite = False,
    reading: Reading = READ_BY_ITSELF,
) -> None:
    """Recommend items: for each user the unrated items most likely to be liked, best first.

    Without DATA, recommends to the users of the fit; with DATA, to the users in it. The columns written are user,
    rank, item and score. Without -o they are printed as CSV.

    Parameters
    ----------
    data
        Ratings of other users: a file with the columns of the fit.
    count
        Items per user.
    user
        One user of the fit, or of DATA; repeat for more. [default: all]
    ratings
        Columns of DATA, user,item or user,item,value. [default: those of the fit]
    output
        File to write: .csv, .tsv or .parquet.
    """
    if output is not None and output.suffix.lower() not in WRITTEN:
        raise UsageError(f"-o must end in {', '.join(WRITTEN)}, got {str(output)!r}.")
    if data is None:
        require_data("ratings")
    refuse_own_inputs([output], [] if data is None else [data], run)
    import pyarrow

    from isthmus.ratings.item_autoencoder import ItemAutoencoder
    from isthmus.tables.atomic import refuse_existing
    from isthmus.tables.writing import write_frame

    if output is not None and not overwrite:
        refuse_existing(output)
    model = open_run(run).load_any()
    if not isinstance(model, ItemAutoencoder):
        raise CommandError(f"{run!r} is not a model of ratings; isthmus fit RATINGS --ratings user,item makes one.")
    with warnings_said():
        found = _found(model, data, user, ratings, reading, count)
    rows = [
        (name, rank + 1, item, float(score))
        for name, items, scores in zip(found.users, found.items, found.scores, strict=True)
        for rank, (item, score) in enumerate(zip(items, scores, strict=True))
        if item is not None
    ]
    short = sum(None in items for items in found.items.tolist())
    kinds = (pyarrow.string(), pyarrow.int64(), pyarrow.string(), pyarrow.float64())
    parts = zip(*rows, strict=True) if rows else [()] * 4
    columns = [pyarrow.array(part, kind) for part, kind in zip(parts, kinds, strict=True)]
    table = pyarrow.table(columns, names=["user", "rank", "item", "score"])
    if short:
        users, n_items = counted(short, "user", "has", "have"), counted(len(model.items_), "item")
        say(f"note: {users} fewer than {count} unrated items left of the model's {n_items}.")
    if output is None:
        with tempfile.TemporaryDirectory() as folder:
            write_frame(Path(folder, "rows.csv"), table)
            to_stdout(Path(folder, "rows.csv"))
        return
    write_frame(output, table, overwrite=overwrite)
    verb = "is" if len(rows) == 1 else "are"
    users = counted(len(found.users), "user")
    say(f"{counted(len(rows), 'recommendation')} for {users} {verb} in {str(output)!r}.")


def _found(model: Any, data: str | None, users: tuple[str, ...], ratings: str | None, reading: Any, count: int) -> Any:
    if data is None:
        return model.recommend(list(users or model.users_), count)
    from isthmus.ratings.reading import read_ratings

    if ratings is None and not model.columns_:
        raise UsageError("the fit named no columns; name those of DATA with --ratings user,item.")
    columns = model.columns_ if ratings is None else rating_columns(ratings)
    rated = read_ratings(data, columns, reading.options())
    found = model.recommend(rated, count)
    if not users:
        return found
    places = {name: place for place, name in enumerate(found.users)}
    absent = [name for name in users if name not in places]
    if absent:
        raise CommandError(f"{data!r} has no ratings by {', '.join(map(repr, absent[:5]))}.")
    chosen = [places[name] for name in users]
    return type(found)(tuple(users), found.items[chosen], found.scores[chosen])
