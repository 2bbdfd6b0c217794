"""The parts of an autoencoder, and the parts joined."""
