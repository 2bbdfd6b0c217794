"""Who liked what: items recommended to users, from a closed form and, where it adds to it, a network."""

from isthmus.ratings.interactions import Interactions, interactions
from isthmus.ratings.item_autoencoder import ItemAutoencoder, Recommendations

__all__ = ["Interactions", "ItemAutoencoder", "Recommendations", "interactions"]
