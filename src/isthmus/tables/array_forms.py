"""Whatever holds numbers beside arrays and frames, as an array, and answers in the same form again.

Masked arrays of NumPy, tensors and data sets of PyTorch, arrays of xarray, lists of pictures; of more than two axes the
first is that of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.tables.errors import DataError

__all__ = ["array_of", "is_torch", "like_array"]


def array_of(X: Any, image_shape: tuple[int, ...] | None = None) -> Any:
    """X as a two-dimensional array or as it is: what numbers are held in besides arrays and frames.

    Masked cells are NaN; a tensor, a data set of PyTorch, an array of xarray or a list of pictures becomes an array. Of
    more than two axes the first is that of rows; of pictures of an ``image_shape`` channels that come last are put
    first.
    """
    if isinstance(X, np.ma.MaskedArray):
        X = np.ma.filled(X.astype(np.result_type(X.dtype, np.float32)), np.nan) if np.ma.is_masked(X) else np.asarray(X)
    if is_torch(X):
        X = _tensor_values(X)
    elif type(X).__module__.partition(".")[0] == "xarray":
        X = _xarray_values(X)
    elif isinstance(X, (list, tuple)) and X and _is_picture(X[0]):
        X = _stacked(X)
    if isinstance(X, np.ndarray) and X.ndim > 2 and X.dtype.kind in "fiub" and len(X):
        if _channels_last(X.shape, image_shape):
            X = np.moveaxis(X, -1, 1)
        elif image_shape is not None and X.shape[1:] != image_shape and X.shape[1:] != (1, *image_shape):
            raise DataError(
                f"X has pictures of {'×'.join(map(str, X.shape[1:]))}, and image_shape says "
                f"{'×'.join(map(str, image_shape))}; make them agree."
            )
        return X.reshape(len(X), -1)
    return X


def _channels_last(shape: tuple[int, ...], image_shape: tuple[int, ...] | None) -> bool:
    """Whether pictures have their channels behind, where they are wanted in front."""
    if image_shape is None or len(shape) != 4 or shape[1:] == image_shape:
        return False
    return (shape[3], *shape[1:3]) in (image_shape, (1, *image_shape))


def _is_picture(one: Any) -> bool:
    """Whether an entry of a list is a picture: of Pillow, or an array with three axes."""
    return type(one).__module__.startswith("PIL.") or (isinstance(one, np.ndarray) and one.ndim == 3)


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
    if len(shape) == 4 and _channels_last(shape, image_shape):
        values = np.moveaxis(values.reshape(shape[0], shape[3], *shape[1:3]), 1, -1)
    if isinstance(X, np.ma.MaskedArray):
        return np.ma.MaskedArray(_of_kind(values, X.dtype).reshape(shape))
    if library == "torch" and hasattr(X, "detach"):
        import torch

        kind = X.dtype if X.dtype.is_floating_point else torch.float32
        return torch.from_numpy(np.ascontiguousarray(values)).to(kind).reshape(shape)
    if library == "xarray" and not hasattr(X, "data_vars"):
        return X.copy(data=values.reshape(shape))
    return values.reshape(shape) if isinstance(X, np.ndarray) and X.ndim > 2 else values


def _of_kind(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.rint(values).astype(dtype) if dtype.kind in "iu" else values
