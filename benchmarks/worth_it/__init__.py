"""When is a network worth it? PCA beside the default autoencoder on public sets, and a rule that predicts which wins."""
