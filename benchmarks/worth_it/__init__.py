"""When is a network worth it? Two hundred public sets, PCA beside the default autoencoder, and the rule that predicts it."""
