"""The tutorial's script from start to end, without its plots, in its own process, which is timed from outside."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Autoencoder(nn.Module):
    """64-32-16-2 and back."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2))
        self.decoder = nn.Sequential(
            nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x))


def batches(rows: torch.Tensor, *, shuffle: bool) -> DataLoader:
    return DataLoader(TensorDataset(rows, rows), batch_size=128, shuffle=shuffle)


def main() -> None:
    torch.manual_seed(42)
    pixels, labels = load_digits(return_X_y=True)
    pixels = torch.tensor(pixels / 16, dtype=torch.float32)
    train, test = train_test_split(pixels, test_size=0.2, random_state=42, stratify=labels)
    training_batches, test_batches = batches(train, shuffle=True), batches(test, shuffle=False)
    model, criterion = Autoencoder(), nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, 101):
        training_loss = test_loss = 0.0
        for x, target in training_batches:
            optimizer.zero_grad()
            loss = criterion(model(x), target)
            loss.backward()
            optimizer.step()
            training_loss += loss.item() * len(x)
        with torch.no_grad():
            for x, target in test_batches:
                test_loss += criterion(model(x), target).item() * len(x)
        if epoch % 20 == 0:
            print(f"epoch {epoch}: train {training_loss / len(train):.4f}, test {test_loss / len(test):.4f}")


if __name__ == "__main__":
    main()
