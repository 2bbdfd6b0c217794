"""The halves in double precision."""

from isthmus import Autoencoder


def fit(X, seed):
    model = Autoencoder(2, hidden_layer_sizes=(96,), random_state=seed).fit(X)
    return [half.to_torch(polish=0).double() for half in (model.encoder, model.decoder)]
