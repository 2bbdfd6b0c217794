"""Other containers of numbers as NumPy arrays, and results in the same container.

NumPy masked arrays, PyTorch tensors and data sets, xarray arrays, and lists of pictures. With more than two axes, the
first is that of the rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from isthmus.tables.arrays import picture_shape
from isthmus.tables.errors import DataError
from isthmus.tables.row_shape import RowShape

__all__ = ["array_and_shape", "array_shape_of", "in_array_shape", "is_torch", "like_array", "row_shape_of"]

MAX_CHANNELS, MIN_STEPS, LONGER = 16, 64, 8  # a 3-d array is (row, channel, time) within these limits, else pictures
MAX_ASPECT = 4  # longer side to shorter side of a picture


def array_and_shape(X: Any, image_shape: tuple[int, ...] | None = None) -> tuple[Any, RowShape | None]:
    """X as a two-dimensional array, and the shape of a row; frames are returned unchanged.

    Masked cells become NaN. A tensor, a PyTorch data set, an xarray array or a list of pictures becomes an array. With
    more than two axes, the first is that of the rows, and channels that come last are moved first.
    ``image_shape`` is the known shape of a picture, if any.

    >>> array_and_shape(np.zeros((5, 8, 8, 3)))[1].sizes
    (3, 8, 8)
    """
    X = _plain(X)
    if not (isinstance(X, np.ndarray) and X.ndim > 2 and X.dtype.kind in "fiub"):
        return X, row_shape_of(X, image_shape)
    shape = row_shape_of(X, None)
    if image_shape is not None:
        image_shape = _channels_first(image_shape)
        if _is_channels_last(X.shape, image_shape):
            X = np.moveaxis(X, -1, 1)
        elif X.shape[1:] not in (image_shape, (1, *image_shape)):
            raise DataError(
                f"X has pictures of {'×'.join(map(str, X.shape[1:]))}, but image_shape is "
                f"{'×'.join(map(str, image_shape))}; make them agree."
            )
        shape = RowShape.of_picture(image_shape)
    elif shape is not None and shape.image_shape is not None and _is_channels_last(X.shape, shape.image_shape):
        X = np.moveaxis(X, -1, 1)
    return X.reshape(len(X), math.prod(X.shape[1:])), shape  # of no rows too


def row_shape_of(X: Any, image_shape: tuple[int, ...] | None) -> RowShape | None:
    """Sizes and kinds of a row's axes, from ``image_shape`` or the axes of an array; None for plain columns."""
    if image_shape is not None:
        return RowShape.of_picture(tuple(image_shape)) if len(image_shape) in (2, 3) else None
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) == 3 and shape[1] <= MAX_CHANNELS and shape[2] >= max(MIN_STEPS, LONGER * shape[1]):
        return RowShape(tuple(map(int, shape[1:])), ("channel", "time"))
    found = picture_shape(shape) if len(shape) in (3, 4) else None
    return None if found is None else RowShape.of_picture(found[0])


def array_shape_of(X: Any) -> tuple[int, ...] | None:
    """The shape of one row of an array with more than two axes, its channels where X has them; else None."""
    X = _plain(X)
    return tuple(map(int, X.shape[1:])) if isinstance(X, np.ndarray) and X.ndim > 2 else None


def in_array_shape(
    values: np.ndarray, shape: tuple[int, ...] | None, image_shape: tuple[int, ...] | None
) -> np.ndarray:
    """Flat rows as an array whose rows have ``shape``, their channels last if ``shape`` has them last.

    >>> in_array_shape(np.zeros((5, 192)), (8, 8, 3), (3, 8, 8)).shape
    (5, 8, 8, 3)
    """
    if shape is None or math.prod(shape) != values.shape[1]:
        return values
    if _is_channels_last((len(values), *shape), image_shape):
        return np.moveaxis(values.reshape(len(values), shape[-1], *shape[:-1]), 1, -1)
    return values.reshape(len(values), *shape)


def _channels_first(image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """(height, width, channels) in the order of a row, in which channels come first."""
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
    """Whether pictures have their channels last, where ``image_shape`` has them first."""
    if image_shape is None or len(shape) != 4 or shape[1:] == image_shape:
        return False
    return (shape[3], *shape[1:3]) in (image_shape, (1, *image_shape))


def _are_pictures(X: Any) -> bool:
    """Whether X is a list of pictures: Pillow images, 3-d arrays, or 2-d arrays of one shape that is not too oblong.

    Other 2-d arrays are batches of rows.
    """
    if not isinstance(X, (list, tuple)) or not X:
        return False
    first = X[0]
    if type(first).__module__.startswith("PIL.") or (isinstance(first, np.ndarray) and first.ndim == 3):
        return True
    shapes = {one.shape if isinstance(one, np.ndarray) else () for one in X}
    if len(X) < 2 or not all(len(shape) == 2 and _is_compact(*shape) for shape in shapes):
        return False
    if len(shapes) > 1:
        raise DataError(
            f"X is a list of arrays of {len(shapes)} shapes, such as {' and '.join(map(str, sorted(shapes)[:2]))}: if "
            "they are pictures, resize them to one shape; if they are batches of rows, give np.concatenate(X)."
        )
    return True


def _is_compact(height: int, width: int) -> bool:
    return height <= MAX_ASPECT * width and width <= MAX_ASPECT * height


def _stacked(pictures: Any) -> np.ndarray:
    """A list of pictures as an array; palette colours are resolved."""
    known = ("1", "L", "F", "I", "I;16", "RGB", "RGBA")
    found = [np.asarray(one.convert("RGB") if getattr(one, "mode", "L") not in known else one) for one in pictures]
    shapes = {one.shape for one in found}
    if len(shapes) > 1:
        raise DataError(
            f"X is a list of pictures of {len(shapes)} shapes, such as {' and '.join(map(str, sorted(shapes)[:2]))}; "
            "resize them to one shape."
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
    """Rows in the container of X: a tensor, an xarray array, a masked array without a mask; else unchanged.

    Integers of a masked array become integers again, and pictures have their channels where X has them.
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
