"""The gradient by PyTorch, in single precision; the axes by scikit-learn, which centres."""

import torch
from sklearn.decomposition import PCA


def gradient(E, D, X):
    E, D, X = (torch.tensor(part, dtype=torch.float32) for part in (E, D, X))
    E.requires_grad_()
    D.requires_grad_()
    ((X - X @ E.T @ D.T) ** 2).sum().backward()
    return E.grad, D.grad


def align(E, D, X):
    reconstructed = X @ E.T @ D.T
    pca = PCA(len(E)).fit(reconstructed)
    return pca.transform(reconstructed), pca.components_
