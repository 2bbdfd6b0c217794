"""When is a network worth it? PCA and the default autoencoder on public sets, and a rule that predicts the winner."""
