"""The parts of an autoencoder, and the model that joins them."""
