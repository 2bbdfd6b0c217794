"""``isthmus smallest FILE --time COLUMN``: the smallest code of windows, compared with singular spectrum analysis."""

from __future__ import annotations

from isthmus.cli.outcome import CommandError, print_json, say, show
from isthmus.cli.reading_flags import ReadingFlags
from isthmus.cli.row_flags import refuse_flags_of_tables
from isthmus.cli.series_run import table_options
from isthmus.cli.window_flags import network_of_windows, window_length

__all__ = ["smallest_of_series"]

SIZES, SHARE = (1, 2, 3, 4, 6, 8), 0.98


def smallest_of_series(
    data: str,
    *,
    time: str,
    entity: str | None,
    time_zone: str | None,
    stride: int | None,
    network: str | None,
    reading: ReadingFlags,
    labels: str | None,
    drop: tuple[str, ...],
    sizes: tuple[int, ...],
    keep: float | None,
    seed: int,
    json: bool,
) -> None:
    """Print held-out errors of windows by the size of their code, and the smallest size that is enough."""
    refuse_flags_of_tables("keep", "sizes", "labels", "drop", "seed", "stride", "network", "overwrite", "json")
    settings = {"window": window_length(reading), "stride": stride}
    if network is not None:
        settings["network"] = network_of_windows({"network": network})
    from isthmus.series import window_code_sizes
    from isthmus.series.reading import read_series

    file = read_series(
        data, time=time, entity=entity, labels=labels, drop=drop, time_zone=time_zone, options=table_options(reading)
    )
    for note in dict.fromkeys((*file.notes, *(note for series in file.series for note in series.notes))):
        say(f"note: {note}")
    n_channels = len(file.series[0].channels)
    what = "1 channel" if n_channels == 1 else f"{n_channels} channels"
    say(f"fitting windows of {what} with codes of several sizes …")
    try:
        found = window_code_sizes(
            list(file.series),
            sizes=sizes or SIZES,
            random_state=seed,
            share=SHARE if keep is None else keep,
            **settings,
        )
    except ValueError as error:
        message = str(error).removeprefix("window_code_sizes: ").removeprefix("WindowedAutoencoder: ")
        raise CommandError(message) from error
    if json:
        print_json(
            {
                "sizes": list(found.sizes),
                "closed_form": found.closed_form.tolist(),
                "network": found.network.tolist(),
                "smallest_closed_form": found.smallest_closed_form,
                "smallest_network": found.smallest_network,
                "share": found.share,
                "window": found.window,
                "why": found.why,
            }
        )
        return
    show(*str(found).splitlines())
