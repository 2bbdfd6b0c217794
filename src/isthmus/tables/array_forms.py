"""Whatever holds numbers beside arrays and frames, as an array, and answers in the same form again.

Masked arrays of NumPy, tensors and data sets of PyTorch, arrays of xarray, lists of pictures; of more than two axes the
first is that of rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from isthmus.tables.arrays import picture_shape
from isthmus.tables.errors import DataError
from isthmus.tables.row_shape import RowShape

__all__ = ["array_and_shape", "is_torch", "like_array", "row_shape_of"]

MOST_CHANNELS, LEAST_STEPS, LONGER = 16, 64, 8  # of (row, channel, time), which else are pictures
MOST_OBLONG = 4  # pictures are not this many times as high as wide


def array_and_shape(X: Any, image_shape: tuple[int, ...] | None = None) -> tuple[Any, RowShape | None]:
    """X as a two-dimensional array or as it is, and the shape of a row: what numbers are held in besides frames.

    Masked cells are NaN; a tensor, a data set of PyTorch, an array of xarray or a list of pictures becomes an array. Of
    more than two axes the first is that of rows, and channels of pictures that come last are put first.
    ``image_shape`` is what is known of the rows.

    >>> array_and_shape(np.zeros((5, 8, 8, 3)))[1].sizes
    (3, 8, 8)
    """
    X = _plain(X)
    if not (isinstance(X, np.ndarray) and X.ndim > 2 and X.dtype.kind in "fiub" and len(X)):
        shape = row_shape_of(X, image_shape)
        return X, shape
    shape = row_shape_of(X, None)
    if image_shape is not None:
        image_shape = _channels_first(image_shape)
        if _is_channels_last(X.shape, image_shape):
            X = np.moveaxis(X, -1, 1)
        elif X.shape[1:] not in (image_shape, (1, *image_shape)):
            raise DataError(
                f"X has pictures of {'×'.join(map(str, X.shape[1:]))}, and image_shape says "
                f"{'×'.join(map(str, image_shape))}; make them agree."
            )
        shape = RowShape.of_picture(image_shape)
    elif shape is not None and shape.image_shape is not None and _is_channels_last(X.shape, shape.image_shape):
        X = np.moveaxis(X, -1, 1)
    return X.reshape(len(X), -1), shape


def row_shape_of(X: Any, image_shape: tuple[int, ...] | None) -> RowShape | None:
    """Sizes and kinds of a row's axes, as the user said or an array's axes show; None where rows are columns alone."""
    if image_shape is not None:
        return RowShape.of_picture(tuple(image_shape)) if len(image_shape) in (2, 3) else None
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) == 3 and shape[1] <= MOST_CHANNELS and shape[2] >= max(LEAST_STEPS, LONGER * shape[1]):
        return RowShape(tuple(map(int, shape[1:])), ("channel", "time"))
    found = picture_shape(shape) if len(shape) in (3, 4) else None
    return None if found is None else RowShape.of_picture(found[0])


def _channels_first(image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """What (height, width, channels) says in the order of a row, in which channels come first."""
    found = picture_shape((1, *image_shape)) if len(image_shape) == 3 else None
    return tuple(image_shape) if found is None else found[0]


def _plain(X: Any) -> Any:
    if isinstance(X, np.ndarray) and X.dtype.names:
        raise DataError("X is a structured array; pass pandas.DataFrame(X), whose columns have its names and types.")
    if isinstance(X, np.ma.MaskedArray):
        X = np.ma.filled(X.astype(np.result_type(X.dtype, np.float32)), np.nan) if np.ma.is_masked(X) else np.asarray(X)
    if is_torch(X):
        X = _tensor_values(X)
    elif type(X).__module__.partition(".")[0] == "xarray":
        X = _xarray_values(X)
    elif _are_pictures(X):
        X = _stacked(X)
    return X


def _is_channels_last(shape: tuple[int, ...], image_shape: tuple[int, ...] | None) -> bool:
    """Whether pictures have their channels behind, where they are wanted in front."""
    if image_shape is None or len(shape) != 4 or shape[1:] == image_shape:
        return False
    return (shape[3], *shape[1:3]) in (image_shape, (1, *image_shape))


def _are_pictures(X: Any) -> bool:
    """Whether X is a list of pictures: of Pillow, arrays with three axes, or with two, of one shape and not oblong.

    Other arrays with two axes are batches of rows.
    """
    if not isinstance(X, (list, tuple)) or not X:
        return False
    first = X[0]
    if type(first).__module__.startswith("PIL.") or (isinstance(first, np.ndarray) and first.ndim == 3):
        return True
    shapes = {one.shape if isinstance(one, np.ndarray) else None for one in X}
    if len(X) < 2 or len(shapes) != 1 or np.ndim(first) != 2:
        return False
    height, width = np.shape(first)
    return height <= MOST_OBLONG * width and width <= MOST_OBLONG * height


def _stacked(pictures: Any) -> np.ndarray:
    """A list of pictures as an array; palettes are looked up."""
    known = ("1", "L", "F", "I", "I;16", "RGB", "RGBA")
    found = [np.asarray(one.convert("RGB") if getattr(one, "mode", "L") not in known else one) for one in pictures]
    shapes = {one.shape for one in found}
    if len(shapes) > 1:
        raise DataError(
            f"X is a list of pictures of {len(shapes)} shapes, such as {' and '.join(map(str, sorted(shapes)[:2]))}; "
            "make them alike."
        )
    return np.stack(found)


def is_torch(X: Any) -> bool:
    """Whether X is a tensor, data set or data loader of PyTorch."""
    modules = [kind.__module__ for kind in type(X).__mro__]
    return modules[0].partition(".")[0] == "torch" or any(name.startswith("torch.utils.data") for name in modules)


def _tensor_values(X: Any) -> Any:
    """The numbers of a tensor, of the first tensor of a data set's items, or of all batches of a loader."""
    import torch

    if isinstance(X, torch.Tensor):
        X = X.detach().cpu()
        X = X.to_dense() if X.layout != torch.strided else X
        return (X.float() if X.dtype == torch.bfloat16 else X).numpy()
    if isinstance(X, torch.utils.data.TensorDataset):
        return _tensor_values(X.tensors[0])
    if isinstance(X, torch.utils.data.DataLoader):
        parts = [_tensor_values(batch[0] if isinstance(batch, (list, tuple)) else batch) for batch in X]
        return np.concatenate(parts)
    if isinstance(X, torch.utils.data.Dataset) and hasattr(X, "__len__"):
        items: Any = X
        rows = [
            item[0] if isinstance(item, (list, tuple)) else item
            for item in (items[place] for place in range(len(items)))
        ]
        return np.stack([_tensor_values(row) if isinstance(row, torch.Tensor) else np.asarray(row) for row in rows])
    return X


def _xarray_values(X: Any) -> Any:
    if hasattr(X, "data_vars"):  # several variables over the same rows
        names = list(X.data_vars)
        first = X[names[0]].dims[0]
        parts = [np.asarray(X[name].transpose(first, ...)).reshape(X.sizes[first], -1) for name in names]
        return np.concatenate(parts, axis=1)
    return np.asarray(X)


def like_array(X: Any, values: np.ndarray, image_shape: tuple[int, ...] | None = None) -> Any:
    """Rows in the container of X: a tensor, an array of xarray, a masked array without a mask; else as they are.

    Whole numbers of a masked array are whole again, and pictures have their channels where X has them.
    """
    library = type(X).__module__.partition(".")[0]
    shape = tuple(getattr(X, "shape", ()))
    if _are_pictures(X):
        shape = (len(X), *np.shape(X[0]))
    if len(shape) == 4 and _is_channels_last(shape, image_shape):
        values = np.moveaxis(values.reshape(shape[0], shape[3], *shape[1:3]), 1, -1)
    if isinstance(X, np.ma.MaskedArray):
        return np.ma.MaskedArray(_of_kind(values, X.dtype).reshape(shape))
    if library == "torch" and hasattr(X, "detach"):
        import torch

        kind = X.dtype if X.dtype.is_floating_point else torch.float32
        return torch.from_numpy(np.ascontiguousarray(values)).to(kind).reshape(shape)
    if library == "xarray" and not hasattr(X, "data_vars"):
        return X.copy(data=values.reshape(shape))
    several = isinstance(X, (np.ndarray, list, tuple)) and len(shape) > 2
    return values.reshape(shape) if several and math.prod(shape) == values.size else values


def _of_kind(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.rint(values).astype(dtype) if dtype.kind in "iu" else values
