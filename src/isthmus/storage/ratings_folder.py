"""The stored form of an `ItemAutoencoder`: names, the closed form's weights, the network if there is one, and the
ratings of the users of the fit, which `recommend` looks up by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy import sparse

from isthmus.ratings.item_autoencoder import ItemAutoencoder
from isthmus.ratings.network import LikesNetwork
from isthmus.storage.kind import Kind, Parts, Timing
from isthmus.storage.record import Setting, fact, record
from isthmus.storage.settings import hyperparameters_of, unfitted
from isthmus.storage.tensor_file import StoredTensors, TensorKind, tensors_from

__all__ = ["RatingsKind", "RatingsRecord"]

LARGEST, MAX_USERS, MAX_RATINGS, WIDEST = 1e30, 10**7, 10**10, 10**5
NETWORK = ("encoder_weight", "encoder_bias", "decoder_weight", "decoder_bias")


@record
class RatingsRecord:
    """All of an `ItemAutoencoder` but its tensors; ``comparison`` has nDCG@100, recall@20 and users per method."""

    settings: dict[str, Setting]
    items: tuple[str, ...] = fact(lengths=(2, 10**6))
    users: tuple[str, ...] = fact(lengths=(1, MAX_USERS))
    left_out: tuple[str, ...]
    columns: tuple[str, ...] = fact(lengths=(0, 3))
    threshold: float
    ridge: float = fact(above=0, at_most=LARGEST)
    network_weight: float = fact(at_least=0, at_most=LARGEST)
    network_width: int = fact(at_least=0, at_most=WIDEST)
    n_ratings: int = fact(at_least=1, at_most=MAX_RATINGS)
    comparison: dict[str, tuple[float, ...]] = fact(at_least=0, at_most=MAX_USERS)

    def __post_init__(self) -> None:
        if len({*self.items}) != len(self.items) or len({*self.users}) != len(self.users):
            raise ValueError("items and users must have names that differ")
        if any(len(one) != 3 for one in self.comparison.values()):
            raise ValueError("comparison must have three numbers per method")
        if (self.network_weight > 0) != (self.network_width > 0):
            raise ValueError("network_weight and network_width must both be 0 or neither")


class RatingsKind(Kind):
    """`ItemAutoencoder`."""

    format = "isthmus item autoencoder"
    record = RatingsRecord

    def owns(self, estimator: Any) -> bool:
        return isinstance(estimator, ItemAutoencoder)

    def take_apart(self, estimator: Any) -> Parts:
        network, rated = estimator.network_, estimator.history_likes_
        record = RatingsRecord(
            settings=hyperparameters_of(estimator),
            items=estimator.items_,
            users=estimator.users_,
            left_out=estimator.left_out_,
            columns=estimator.columns_,
            threshold=estimator.threshold_,
            ridge=float(estimator.ridge_),
            network_weight=float(estimator.network_weight_),
            network_width=0 if network is None else len(network.encoder_bias),
            n_ratings=int(rated.nnz),
            comparison={
                name: (one["ndcg_100"], one["recall_20"], float(one["users"]))
                for name, one in estimator.comparison_.items()
            },
        )
        arrays = {
            "weights": estimator.weights_,
            "popularity": estimator.popularity_,
            "rated.starts": rated.indptr.astype(np.int64),
            "rated.items": rated.indices.astype(np.int64),
            "rated.liked": rated.data.astype(np.uint8),
        }
        tensors = tensors_from(arrays)
        if network is not None:
            tensors |= {f"network.{name}": getattr(network, name).detach() for name in NETWORK}
        return Parts(record, tensors)

    def put_together(
        self, record: Any, tensors: StoredTensors, inner: Mapping[str, Any], timing: Timing | None
    ) -> ItemAutoencoder:
        model = unfitted(ItemAutoencoder, record.settings)
        n_items, n_users, width = len(record.items), len(record.users), record.network_width
        shapes = {
            "encoder_weight": (width, n_items),
            "encoder_bias": (width,),
            "decoder_weight": (n_items, width),
            "decoder_bias": (n_items,),
        }
        network = {f"network.{name}": TensorKind("F32", shape) for name, shape in shapes.items()} if width else {}
        found = tensors.read(
            {
                "weights": TensorKind("F32", (n_items, n_items)),
                "popularity": TensorKind("F64", (n_items,)),
                "rated.starts": TensorKind("I64", (n_users + 1,)),
                "rated.items": TensorKind("I64", (record.n_ratings,)),
                "rated.liked": TensorKind("U8", (record.n_ratings,)),
                **network,
            }
        )
        for name, tensor in found.items():
            if tensor.is_floating_point() and not (tensor.abs() <= LARGEST).all():
                raise ValueError(f"{name} holds NaN, infinity or a number beyond {LARGEST:g}")
        model.history_likes_ = _rated(found, n_users, n_items)
        model.weights_, model.popularity_ = found["weights"].numpy(), found["popularity"].numpy()
        model.items_, model.users_, model.left_out_ = record.items, record.users, record.left_out
        model.threshold_, model.ridge_ = record.threshold, record.ridge
        model.columns_, model.network_weight_, model.network_ = record.columns, record.network_weight, None
        model.comparison_ = {
            name: {"ndcg_100": one[0], "recall_20": one[1], "users": int(one[2])}
            for name, one in record.comparison.items()
        }
        if width:
            model.network_ = LikesNetwork(n_items, width)
            model.network_.load_state_dict({name: found[f"network.{name}"] for name in NETWORK})
            model.network_.eval()
        return model


def _rated(found: Mapping[str, torch.Tensor], n_users: int, n_items: int) -> sparse.csr_matrix:
    starts, items, likes = (found[f"rated.{name}"].numpy() for name in ("starts", "items", "liked"))
    if starts[0] != 0 or starts[-1] != len(items) or (np.diff(starts) < 0).any():
        raise ValueError("rated.starts must rise from 0 to the number of ratings")
    if items.min() < 0 or items.max() >= n_items or likes.max() > 1:
        raise ValueError("rated.items must be places of items, and rated.liked 0 or 1")
    inside = np.ones(len(items), bool)
    inside[starts[:-1][starts[:-1] < len(items)]] = False
    if (np.diff(items)[inside[1:]] <= 0).any():
        raise ValueError("rated.items of a user must rise")
    return sparse.csr_matrix((likes.astype(np.float32), items, starts), shape=(n_users, n_items))
