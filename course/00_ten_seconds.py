r"""
0. Ten seconds
==============

A picture is encoded in two numbers and reconstructed from them.

Here is the whole subject at once; the chapters after it take it apart. A computer is
shown some handwritten digits, small pictures of 64 grey values each. It must describe
each picture by *two numbers* and draw it again from those alone. Nobody tells it what
the two numbers should mean.
"""

# %%
# The formula
# -----------
#
# .. math:: z = f(x), \qquad \hat{x} = g(z)
#
# The *encoder* :math:`f` turns a picture :math:`x` into its *code* :math:`z`; the
# *decoder* :math:`g` turns a code into a picture :math:`\hat{x}`. Both are adjusted
# until the drawings :math:`\hat{x}` are, on average over all pictures, as close to the
# originals as possible. Together they are an *autoencoder*.
#
# The computation
# ---------------
#
# One fifth of the digits is held out: a model is evaluated on digits it has never seen.

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from isthmus import Autoencoder
from isthmus.tables import load_bundled
from isthmus_course import Lesson
from isthmus_course.moving import decoder_state

lesson = Lesson(0, "Ten seconds", seed=0)

digits = load_bundled("digits")
X, unseen, kinds, _ = train_test_split(
    digits.values, digits.labels, test_size=0.2, random_state=0, stratify=digits.labels
)

models = [Autoencoder(n_components=2, random_state=seed).fit(X) for seed in range(5)]
model = models[0]
codes = model.transform(X)
reconstructed = model.inverse_transform(codes)
print(
    "a picture:",
    X[0].shape,
    " its code:",
    codes[0],
    " reconstructed:",
    reconstructed[0].shape,
)

# %%
# How close are the drawings to the originals? The baseline is the best *linear* method
# with two numbers, which is called PCA. Training starts from random choices, so it is
# repeated with five random seeds.

pca = PCA(2).fit(X)
mean_drawn = np.mean((unseen - X.mean(0)) ** 2)
by_pca = np.mean((unseen - pca.inverse_transform(pca.transform(unseen))) ** 2)
errors = [np.mean((unseen - model.reconstruct(unseen)) ** 2) for model in models]
print("one drawing for all:", mean_drawn.round(4))
print("PCA:                ", by_pca.round(4))
print("autoencoders:       ", np.round(errors, 4))

# %%
# And where on the map do digits live? Take a place's mean distance from the five
# nearest codes, each axis in units of the codes' spread. If it is larger than for 99 in
# 100 digits, the place is called *beyond* the digits. The frame of the picture leaves
# out the few outermost codes.


def distances(places, codes, skip=0):
    """Mean distance from the five nearest codes, after the first ``skip`` of them."""
    apart = (places[:, None] - codes) / codes.std(0)
    return np.sort(np.linalg.norm(apart, axis=2), axis=1)[:, skip : skip + 5].mean(1)


def share_beyond(codes):
    """Share of the frame in which no digit lives."""
    low, high = np.quantile(codes, [0.005, 0.995], axis=0)
    across, up = np.linspace(low, high, 40).T
    places = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    typical = np.quantile(distances(codes, codes, skip=1), 0.99)
    return np.mean(distances(places, codes) > typical)


empty = [share_beyond(model.transform(X)) for model in models]
print("share of the frame where no digit lives:", np.round(empty, 3))

# %%
centred, directions = unseen - X.mean(0), np.linalg.svd(X - X.mean(0))[2][:2]
lost = centred - centred @ directions.T @ directions
lesson.given("size", 2)
lesson.exact("values", X.shape[1], known=8 * 8)
lesson.exact("pca", by_pca, known=np.mean(lost**2), digits=6)
lesson.exact(
    "mean_drawn",
    mean_drawn,
    known=np.mean(unseen.var(0) + centred.mean(0) ** 2),
    digits=6,
)
lesson.within("error", errors, low=0.017, high=0.023)
lesson.holds("better", [error < by_pca for error in errors], "its error is under PCA's")
lesson.within("empty", empty, low=0.1, high=0.35)

# %%
# The mean squared error of a grey value, on digits never seen, is {{ error.low:.4f }}
# to {{ error.high:.4f }} over {{ error.seeds }} seeds. With the same {{ size }} numbers
# for {{ values }} grey values, PCA's error is {{ pca:.4f }}, larger than at each of the
# {{ better }} seeds. Drawing the average picture every time would give
# {{ mean_drawn:.4f }}.
#
# The picture
# -----------
#
# Each dot is a digit at its code, coloured by its class, from 0 to 9, which the model
# was never told. Move the ring, by dragging or with the arrow keys, and see what the
# decoder draws at each place.

sample = np.random.default_rng(0).permutation(len(X))[:400]
low, high = np.quantile(codes, [0.005, 0.995], axis=0)
shown = sample[((codes[sample] >= low) & (codes[sample] <= high)).all(1)]
three = shown[kinds[shown].astype(int) == 3][0]
greys = (16 * X[shown]).round().astype(int)
lesson.widget(
    "map",
    "The plane of codes. The ring starts at the code of a three. The pictures are the "
    "real digit with the nearest code, what the decoder draws, and the difference "
    "(blue: too little ink, orange: too much).",
    prompt="Drag the ring over the map.",
    code=codes[three],
    codes=codes[shown].round(4),
    labels=kinds[shown].astype(int),
    pictures=["".join("0123456789abcdefg"[grey] for grey in row) for row in greys],
    extent=[low, high],
    spread=codes[shown].std(0),
    limit=np.quantile(distances(codes[shown], codes[shown], skip=1), 0.99),
    decoder=decoder_state(model),
)

# %%
# One command draws the same picture of your own data. It writes
# ``runs/mine/explorer.html``, a file that opens without a network and decodes as you
# move:
#
# .. code-block:: console
#
#    $ isthmus fit table.csv -o runs/mine
#
# An honest failure: it draws everywhere
# --------------------------------------
#
# The decoder answers at every place, also where no digit ever was, and nothing in its
# drawing says so. Over the seeds, {{ empty.low:.0%}} to {{ empty.high:.0%}} of the
# frame is beyond. What is drawn there may look like a digit, like two at once, or like
# nothing; it was never asked for, and is not evidence of anything. Chapter 8 reads such
# maps with care, and chapter 10 is about a model whose plane is made to be drawn from.
#
# Exercise
# --------
#
# Find a place on the map where no digit lives: write a function that finds one for any
# codes.
#
# .. code-block:: console
#
#    $ isthmus learn 0 --start chapter_0.py
#    $ isthmus learn 0 --check chapter_0.py
#
# Next: why such compression can work at all.
