r"""
The digits notebook
===================

A small autoencoder in plain PyTorch, with five figures; then the same in three lines,
and then better.

This page takes one sitting: load the digits, build a network with a bottleneck of two
numbers, train it, and look. Nothing from isthmus is used until all five figures are
drawn. Each figure comes with its usual reading and with what can be measured, and each
result with PCA's, because a network that does no better than PCA was not worth
training.
"""

# %%
# The data
# --------
#
# They come with scikit-learn: grey pictures of 8 by 8 pixels. A fifth of them,
# stratified by digit, is held out and never trained on.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

device = "cuda" if torch.cuda.is_available() else "cpu"
print(f"Using device: {device}")

pictures, kinds = load_digits(return_X_y=True)
X = (pictures / 16).astype(np.float32)  # grey values were 0 to 16
X_train, X_test, y_train, y_test = train_test_split(
    X, kinds, test_size=0.2, random_state=42, stratify=kinds
)
print(f"Training samples: {len(X_train)}")
print(f"Test samples: {len(X_test)}")
print(f"Input dimension: {X.shape[1]} (8 × 8 pixels)")
print(f"Pixel range: [{X.min():.2f}, {X.max():.2f}]")

# %%
# **Figure 1**: what there is to compress.


def show(axes, row, label=None):
    """One picture, with room for labels: axis("off") would take those away too."""
    axes.imshow(row.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    if label is not None:
        axes.set_title(label, fontsize=10)


figure, grid = plt.subplots(2, 6, figsize=(7.5, 3.2), layout="constrained")
for axes, row, kind in zip(grid.flat, X, kinds):
    show(axes, row, f"a {kind}")
figure.suptitle("Twelve of the digits")
plt.show()

# %%
# The network
# -----------
#
# Three layers down to a bottleneck of two numbers, and three layers up again. The
# sigmoid at the end keeps the output between 0 and 1, like the pixels.


class Autoencoder(nn.Module):
    """64 → 32 → 16 → p → 16 → 32 → 64."""

    def __init__(self, p=2):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Linear(32, 16),
            nn.ReLU(),
            nn.Linear(16, p),
        )
        self.decoder = nn.Sequential(
            nn.Linear(p, 16),
            nn.ReLU(),
            nn.Linear(16, 32),
            nn.ReLU(),
            nn.Linear(32, 64),
            nn.Sigmoid(),
        )

    def forward(self, x):
        """The picture reconstructed, and its code."""
        z = self.encoder(x)
        return self.decoder(z), z


torch.manual_seed(42)
model = Autoencoder().to(device)
parameters = sum(weights.numel() for weights in model.parameters())
print(model)
print(f"Total parameters: {parameters:,}")

# %%
# The training
# ------------
#
# A hundred epochs, with batches of 128. ``nn.MSELoss`` is the mean over pictures *and*
# pixels; the sum over a picture's pixels is 64 times as much. The running training loss
# comes from weights that were still changing, so it is not comparable with the test
# loss; the middle column evaluates both with the same weights.

EPOCHS = 100
mse = nn.MSELoss()


def tensor(rows):
    """Rows as the network takes them."""
    return torch.tensor(rows, dtype=torch.float32, device=device)


def train(model, report=False):
    """The loop; the errors after each epoch, on training and on test pictures."""
    rows, unseen = TensorDataset(tensor(X_train)), tensor(X_test)
    batches = DataLoader(rows, batch_size=128, shuffle=True)
    test_batches = DataLoader(TensorDataset(unseen), batch_size=128)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    history = []
    for epoch in range(1, EPOCHS + 1):
        on_the_way = test = 0.0
        for (batch,) in batches:
            loss = mse(model(batch)[0], batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            on_the_way += loss.item() * len(batch) / len(rows)
        with torch.no_grad():
            after = mse(model(rows.tensors[0])[0], rows.tensors[0]).item()
            for (batch,) in test_batches:
                test += mse(model(batch)[0], batch).item() * len(batch) / len(unseen)
        history.append((after, test))
        if report and epoch % 20 == 0:
            print(
                f"epoch {epoch:3}/{EPOCHS}: train on the way {on_the_way:.4f}, "
                f"train after it {after:.4f}, test {test:.4f}"
            )
    return np.array(history)


history = train(model, report=True)
print(f"Final train loss: {history[-1, 0]:.4f}")
print(f"Final test loss: {history[-1, 1]:.4f}")

# %%
# **Figure 2**: the training curve, with two baselines: the mean picture for every row,
# and PCA with two numbers.

pca = PCA(2).fit(X_train)
pca_reconstructed = pca.inverse_transform(pca.transform(X_test))
pca_error = np.mean((X_test - pca_reconstructed) ** 2)
mean_error = np.mean((X_test - X_train.mean(0)) ** 2)

figure, axes = plt.subplots(figsize=(7.5, 4), layout="constrained")
epochs = np.arange(1, EPOCHS + 1)
axes.plot(epochs, history[:, 0], label="training pictures")
axes.plot(epochs, history[:, 1], "--", label="test pictures")
axes.axhline(mean_error, color="0.6", ls=":", label="the mean picture, test")
axes.axhline(pca_error, color="tab:red", ls=":", label="PCA with 2 numbers, test")
axes.set(title="Training", xlabel="epoch", ylabel="mean squared error of a pixel")
axes.legend()
plt.show()

# %%
# **Figure 3**: the reconstructions, with PCA's for comparison.

model.eval()
with torch.no_grad():
    reconstructed, codes = (part.cpu().numpy() for part in model(tensor(X_test)))
    train_codes = model.encoder(tensor(X_train)).cpu().numpy()

rows = {"Original": X_test, "Reconstructed": reconstructed, "by PCA": pca_reconstructed}
figure, grid = plt.subplots(3, 8, figsize=(7.5, 3.4), layout="constrained")
for line, (name, images) in zip(grid, rows.items()):
    for axes, image in zip(line, images):
        show(axes, image)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
for axes, kind in zip(grid[0], y_test):
    axes.set_title(f"a {kind}", fontsize=10)
figure.suptitle("Test pictures reconstructed from two numbers")
plt.show()

# %%
# **Figure 4**: the plane of codes. Each colour's band is centred on its tick, and both
# axes have the same scale, so distances can be read.

figure, both = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
planes = {"autoencoder": codes, "PCA": pca.transform(X_test)}
for axes, (name, places) in zip(both, planes.items()):
    style = {"cmap": "tab10", "vmin": -0.5, "vmax": 9.5, "s": 14}
    dots = axes.scatter(*places.T, c=y_test, **style)
    axes.set(title=f"Codes by {name}", xlabel="$z_1$", ylabel="$z_2$")
    axes.set_aspect("equal", adjustable="datalim")
figure.colorbar(dots, ax=both, ticks=range(10), label="digit")
plt.show()

# %%
# **Figure 5**: the decoder's output on a grid over the codes, as one mosaic. That is
# not sampling: nothing was drawn at random, and there may be no codes nearby. A cell is
# framed if it is farther from the training codes than 99 in 100 of them are from one
# another.


def nearest(places, others, which=0):
    """Distance from each place to its nearest code (the next one with which=1)."""
    return np.sort(pairwise_distances(places, others), axis=1)[:, which]


def over(codes, n=10):
    """Places of a grid over the bulk of the codes, top row first."""
    low, high = np.quantile(codes, [0.01, 0.99], axis=0)
    across, up = np.linspace(low, high, n).T
    return np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2)


places = over(train_codes)
typical = np.quantile(nearest(train_codes, train_codes, which=1), 0.99)
beyond = nearest(places, train_codes) > typical
with torch.no_grad():
    drawn = model.decoder(tensor(places)).cpu().numpy()

tiles = np.pad(drawn.reshape(10, 10, 8, 8), [(0, 0), (0, 0), (1, 1), (1, 1)])
mosaic = tiles.swapaxes(1, 2).reshape(100, 100)
figure, axes = plt.subplots(figsize=(6.4, 6.4), layout="constrained")
axes.imshow(mosaic, cmap="Greys", vmin=0, vmax=1, extent=(0, 10, 0, 10))
for at in np.flatnonzero(beyond):
    corner = (at % 10 + 0.03, 9 - at // 10 + 0.03)
    axes.add_patch(plt.Rectangle(corner, 0.94, 0.94, fill=False, ec="tab:red"))
ends = [np.linspace(low, high, 10) for low, high in zip(places[-10], places[9])]
middles = np.arange(10) + 0.5
axes.set_xticks(middles, [f"{end:.1f}" for end in ends[0]])
axes.set_yticks(middles, [f"{end:.1f}" for end in ends[1]])
axes.set(title="What the decoder draws at each place", xlabel="$z_1$", ylabel="$z_2$")
plt.show()

# %%
# What can be said of it
# ----------------------
#
# One training run is one throw of the dice, so the loop runs for four more seeds. Then
# the usual claims about such figures can be checked. Do the digits form clusters? Count
# how often most of the five nearest training codes show the same digit as a test
# picture. Are 4 and 9 neighbours because they look alike? Of the 45 pairs of digits,
# count how many are closer, by the centres of their codes.


def guesses_right(codes, unseen):
    """Share of test pictures whose kind their five nearest training codes tell."""
    return KNeighborsClassifier(5).fit(codes, y_train).score(unseen, y_test)


def rank(codes, a, b):
    """Place of a pair of kinds among the 45, the nearest pair being number 1."""
    middles = np.array([codes[y_test == kind].mean(0) for kind in range(10)])
    apart = pairwise_distances(middles)
    return int(np.sum(apart[np.triu_indices(10, 1)] <= apart[a, b]))


errors, right, fours, empty = [history[-1, 1]], [], [], []
models = [model]
for seed in range(4):
    torch.manual_seed(seed)
    models.append(Autoencoder().to(device))
    errors.append(train(models[-1])[-1, 1])
for one in models:
    with torch.no_grad():
        codes, unseen = (
            one.encoder(tensor(rows)).cpu().numpy() for rows in (X_train, X_test)
        )
    right.append(guesses_right(codes, unseen))
    fours.append(rank(unseen, 4, 9))
    typical = np.quantile(nearest(codes, codes, which=1), 0.99)
    empty.append(np.mean(nearest(over(codes), codes) > typical))
pca_right = guesses_right(pca.transform(X_train), pca.transform(X_test))
print("test error:       ", np.round(errors, 4), " PCA", pca_error.round(4))
print("kind told by code:", np.round(right, 3), " PCA", round(pca_right, 3))
print("rank of 4 and 9:  ", fours)
print("cells beyond:     ", np.round(empty, 2))

# %%
# The same in three lines
# -----------------------
#
# The recipe above, layer by layer, is also an estimator of the library.

import isthmus

again = isthmus.tutorial_recipe(random_state=42).fit(X_train)
report = isthmus.evaluate(again, X_test, y_test, X_train=X_train, y_train=y_train)
print(f"test error {report.data.model.mse:.4f}, PCA's {report.data.pca.mse:.4f}")

# %%
# Each of the five figures is one call, and ``isthmus fit digits`` draws them all. The
# training curve, for example:

from isthmus import plots

plots.plot_history(again.history_, start_label=None)

# %%
# Better
# ------
#
# That recipe was written to be read. What it lacks is a start and a finish: its weights
# start at random, and a hundred epochs at one learning rate end far from the minimum.
# By default, the library starts *at* PCA, so training only adds what is nonlinear, and
# takes smaller steps towards the end. Two numbers as before:

better = isthmus.Autoencoder(2, random_state=42).fit(X_train)
outcome = isthmus.evaluation.sentence(isthmus.evaluate(better, X_test))
print(outcome.replace("; ", ";\n"))

# %%
plots.plot_reconstructions(
    X_test[:8], better.reconstruct(X_test[:8]), image_shape=(8, 8), labels=y_test[:8]
)

# %%
plots.plot_latent_plane(better.transform(X_test), y_test)

# %%
plots.plot_decode_grid(
    better.inverse_transform, better.transform(X_train), image_shape=(8, 8)
)

# %%
# With five seeds, and with eight numbers as well as two:

SEEDS = (42, 0, 1, 2, 3)


def mean_error_of(model):
    """Mean squared error of a pixel on the test pictures, once fitted."""
    return np.mean((X_test - model.fit(X_train).reconstruct(X_test)) ** 2)


recipe = {
    p: [mean_error_of(isthmus.tutorial_recipe(p, random_state=s)) for s in SEEDS]
    for p in (2, 8)
}
fits = [isthmus.Autoencoder(2, random_state=seed) for seed in SEEDS]
better_errors = {
    2: [mean_error_of(fit) for fit in fits],
    8: [mean_error_of(isthmus.Autoencoder(8, random_state=s)) for s in SEEDS],
}
better_right = [
    guesses_right(fit.transform(X_train), fit.transform(X_test)) for fit in fits
]
pca_8 = PCA(8).fit(X_train)
pca_8_error = np.mean((X_test - pca_8.inverse_transform(pca_8.transform(X_test))) ** 2)

# %%
from isthmus_course import Lesson

lesson = Lesson("digits_notebook", "The digits notebook", seed=42)
layers = [64, 32, 16, 2, 16, 32, 64]
lesson.given("p", 2)
lesson.exact("train", len(X_train), known=len(X) - int(np.ceil(0.2 * len(X))))
lesson.exact("test", len(X_test), known=int(np.ceil(0.2 * len(X))))
lesson.exact(
    "parameters",
    parameters,
    known=np.dot(np.add(layers[:-1], 1), layers[1:]),
)
centred = X_test.astype(float) - X_train.mean(0, dtype=float)
directions = np.linalg.svd(X_train - X_train.mean(0), full_matrices=False)[2]


def lost(p):
    """What the first p directions leave of a pixel."""
    return np.mean((centred - centred @ directions[:p].T @ directions[:p]) ** 2)


lesson.exact("mean_error", mean_error, known=lost(0), digits=6)
lesson.exact("pca", pca_error, known=report.data.pca.mse, digits=6)
lesson.exact("pca_8", pca_8_error, known=lost(8), digits=6)
lesson.exact("pca_right", pca_right, known=report.pca_labels.neighbours, digits=2)
lesson.within("error", errors, low=0.039, high=0.057)
lesson.within("recipe", recipe[2], low=0.039, high=0.057)
lesson.within("better", better_errors[2], low=0.017, high=0.023)
lesson.within("recipe_8", recipe[8], low=0.027, high=0.042)
lesson.within("better_8", better_errors[8], low=0.0065, high=0.011)
lesson.within("right", right, low=0.45, high=0.75)
lesson.within("better_right", better_right, low=0.8, high=0.98)
lesson.within("rank", fours, low=15, high=45)
lesson.within("empty", empty, low=0.1, high=0.5)
lesson.holds(
    "loses",
    [error > pca_8_error for error in recipe[8]],
    "with eight numbers the typed recipe's error is above PCA's",
)
lesson.holds(
    "wins",
    [2 * error < pca_8_error for error in better_errors[8]],
    "with eight numbers the library's error is under half of PCA's",
)

# %%
# The mean squared error per pixel, lowest and highest of {{ better.seeds }} seeds:
#
# .. list-table::
#    :header-rows: 1
#
#    * -
#      - two numbers
#      - eight numbers
#    * - the mean picture
#      - {{ mean_error:.4f }}
#      - {{ mean_error:.4f }}
#    * - PCA
#      - {{ pca:.4f }}
#      - {{ pca_8:.4f }}
#    * - typed above, in PyTorch
#      - {{ error.low:.4f }} to {{ error.high:.4f }}
#      -
#    * - the same recipe by isthmus
#      - {{ recipe.low:.4f }} to {{ recipe.high:.4f }}
#      - {{ recipe_8.low:.4f }} to {{ recipe_8.high:.4f }}
#    * - isthmus, default settings
#      - {{ better.low:.4f }} to {{ better.high:.4f }}
#      - {{ better_8.low:.4f }} to {{ better_8.high:.4f }}
#
# The network above has {{ parameters:,}} weights, is trained on {{ train:,}} pictures
# and evaluated on {{ test }}. With {{ p }} numbers its error is below PCA's, but not by
# much; with eight it loses to PCA at each of {{ loses }} seeds. The recipe is to blame,
# not autoencoders, and chapter 6 takes it apart. With default settings, isthmus starts
# at PCA and ends with less than half of PCA's error, at each of {{ wins }} seeds.
#
# What the figures show, in numbers:
#
# - *The digits form clusters*: the five nearest codes predict the digit of
#   {{ right.low:.0%}} to {{ right.high:.0%}} of the test pictures. PCA's two numbers do
#   so for {{ pca_right:.0%}}, and those of the last network for
#   {{ better_right.low:.0%}} to {{ better_right.high:.0%}}.
# - *4 and 9 are near because they look alike*: among the 45 pairs of digits theirs
#   ranks {{ rank.low:.0f}} to {{ rank.high:.0f}}. Axes and distances of such a plane
#   change with the seed; chapter 8 is about reading it.
# - *Every place gives a new digit*: in {{ empty.low:.0%}} to {{ empty.high:.0%}} of the
#   grid of figure 5 no training picture has its code nearby, and what is drawn there is
#   a guess. Chapter 10 is about a code that can be sampled.
