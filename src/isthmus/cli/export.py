"""``isthmus export``: a fitted model for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from isthmus.cli.outcome import CommandError, UsageError, say
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.row_flags import Overwrite, RunPath
from isthmus.cli.run_folder import open_run

__all__ = ["export"]


def export(
    run: RunPath,
    /,
    *,
    output: Annotated[Path, Parameter(("--output", "-o"))],
    part: Literal["model", "encoder", "decoder"] = "model",
    dtype: Literal["float32", "float64"] = "float32",
    polish: int | None = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the model as an ONNX file, with the scaling inside.

    Parameters
    ----------
    output
        The .onnx file to write.
    part
        Rows to reconstructions, rows to codes, or codes to rows.
    dtype
        Number format of the input.
    polish
        Number of steps that improve codes, as in the model by default; 0 exports the encoder's codes.
    """
    from isthmus.onnx_export import export_onnx

    if polish is not None and polish < 0:
        raise UsageError(f"--polish must be at least 0, got {polish}.")
    if output.suffix.lower() != ".onnx":
        raise UsageError(f"-o must end in .onnx, got {str(output)!r}.")
    refuse_own_inputs([output], [], run)
    estimator = open_run(run).load()
    try:
        export_onnx(estimator, output, part, dtype=dtype, polish=polish, overwrite=overwrite)
    except (ImportError, ValueError) as error:
        raise CommandError(str(error)) from error
    say(f"the {part} is in {str(output)!r}.")
