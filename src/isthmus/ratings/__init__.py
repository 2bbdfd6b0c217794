"""Recommendation of items from ratings: a closed form and, if it improves the ranking, a network."""

from isthmus.ratings.interactions import Interactions, interactions
from isthmus.ratings.item_autoencoder import ItemAutoencoder, Recommendations

__all__ = ["Interactions", "ItemAutoencoder", "Recommendations", "interactions"]
