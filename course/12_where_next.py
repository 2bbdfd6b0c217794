r"""
12. Where next
==============

Features, tokens and diffusion are made of what this course taught.

Three things in the news are built from the parts of this course. *Sparse* autoencoders,
with many units of which few are on at a time, find features inside language models.
Sound and pictures are turned into *tokens* by rounding codes to the entries of a table.
And pictures are generated from text by removing noise from *codes* in small steps. Each
is tried here on the digits, at a small scale.
"""

# %%
# The formula
# -----------
#
# .. math:: z = \max(A x + a,\, 0), \qquad \hat{x} = b + \sum_j z_j\, w_j, \qquad
#    \lVert x - \hat{x} \rVert^2 + \lambda \sum_j z_j
#
# A *sparse autoencoder* has more units than the picture has pixels, here 256 for 64.
# :math:`A` and :math:`a` are the encoder's weights; the :math:`\max` makes exact zeros,
# so a unit :math:`j` is either *on* or off. The picture is reconstructed as the base
# :math:`b` plus a sum of small pictures :math:`w_j`, one for each unit. Each has length
# 1; otherwise small activations :math:`z_j` with large pictures could evade the penalty
# :math:`\lambda` (chapter 9). In a language model, :math:`x` is not a picture but what
# one layer of the network computes for a word; the rest is the same. With *top-k* there
# is no penalty, and only the :math:`k` strongest units are kept.
#
# The computation
# ---------------
#
# A third of the digits is held out: names will be tested on them.

from math import comb, lgamma, log

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

import isthmus
from isthmus.tables import load_bundled
from isthmus_course import Lesson

lesson = Lesson(12, "Where next", seed=0)

digits = load_bundled("digits")
kinds = digits.labels.astype(int)
X, unseen, y, y_unseen = train_test_split(
    digits.values, kinds, test_size=1 / 3, random_state=0, stratify=kinds
)
settings = {"hidden_layer_sizes": (), "start": "random", "refit": False}
models = [
    isthmus.SparseAutoencoder(256, sparsity=0.5, random_state=seed, **settings).fit(X)
    for seed in range(5)
]
top_k = [
    isthmus.SparseAutoencoder(256, top_k=8, random_state=seed, **settings).fit(X)
    for seed in range(5)
]


def dead(model):
    """How many units are on for no training picture."""
    return int(np.sum(~(model.transform(X) != 0).any(0)))


evaluations = [isthmus.evaluate(model, unseen) for model in models]
print(isthmus.evaluation.sentence(evaluations[0]).replace("; ", ";\n    "))
print("dead units:", [dead(m) for m in models], " top-k:", [dead(m) for m in top_k])

# %%
# **Naming a unit.** Look at the 2 in 100 training pictures for which it is most
# strongly on, and name it after the digit that most of them show. Is the name right?
# Test it twice on the held-out pictures: on those for which the unit is as strongly on,
# and on all for which it is on at all.


def named(model):
    """The unit that names each kind best: unit, kind, and how strong is strong."""
    codes, found = model.transform(X), {}
    for unit in np.flatnonzero((codes > 0).sum(0) >= 30):
        strong = np.quantile(codes[:, unit], 0.98)
        of_kind = np.bincount(y[codes[:, unit] >= strong], minlength=10)
        kind, purity = of_kind.argmax(), of_kind.max() / of_kind.sum()
        rank = (purity, codes[:, unit].max())
        if strong > 0 and rank > found.get(kind, ((0, 0),))[0]:
            found[kind] = (rank, unit, strong)
    return [(unit, kind, strong) for kind, (_, unit, strong) in sorted(found.items())]


def right(model, at_all=False):
    """Mean share of unseen pictures with a unit on that are of its name's kind."""
    codes = model.transform(unseen)
    chosen = [
        (kind, codes[:, unit] > 0 if at_all else codes[:, unit] >= strong)
        for unit, kind, strong in named(model)
    ]
    return np.mean([np.mean(y_unseen[on] == kind) for kind, on in chosen if on.any()])


strongly, at_all = [right(m) for m in models], [right(m, at_all=True) for m in models]
print("kinds that have a unit:", [len(named(model)) for model in models])
print("right where strongly on:", np.round(strongly, 3))
print("right where on at all:  ", np.round(at_all, 3))

# %%
# **A table of codes.** Take the codes of a plain autoencoder with eight latents, and
# let k-means reduce them to a table of 256. A picture is then represented by the index
# of the nearest entry, 8 *bits*; the decoder draws the entry. A network trained to
# reconstruct through such a table is a VQ-VAE (van den Oord et al. 2017,
# arXiv:1711.00937), and the indices are the tokens that a language model of pictures or
# sound reads.

plain = [
    isthmus.Autoencoder(
        8, hidden_layer_sizes=(64, 64), polish=0, refit=False, random_state=seed
    ).fit(X)
    for seed in range(5)
]


def error(rows):
    """Mean squared error of a grey value."""
    return np.mean((rows - unseen) ** 2)


def from_table(model, seed):
    """Unseen pictures, each drawn from the entry nearest to its code."""
    table = KMeans(256, n_init=1, random_state=seed).fit(model.transform(X))
    entries = table.cluster_centers_[table.predict(model.transform(unseen))]
    return model.inverse_transform(entries)


tokens = [error(from_table(model, seed)) for seed, model in enumerate(plain)]
pca_8 = PCA(8).fit(X)
by_pca = error(pca_8.inverse_transform(pca_8.transform(unseen)))
print("8 bits a picture:", np.round(tokens, 4), " PCA's 8 numbers:", by_pca.round(4))

# %%
# **Denoising codes.** A *latent diffusion* model (Rombach et al. 2022,
# arXiv:2112.10752) is an autoencoder with a denoiser that works on its codes; it starts
# from pure noise, and removes it step by step. Here is one such step: noise half as
# wide as the codes' own spread, and a denoiser trained on codes only.


def left_over(model, seed):
    """Noise left in unseen codes, by a linear denoiser and by a trained one."""
    codes = model.transform(X)
    asked = (model.transform(unseen) - codes.mean(0)) / codes.std(0)
    known = (codes - codes.mean(0)) / codes.std(0)
    noisy = asked + 0.5 * np.random.default_rng(seed).standard_normal(asked.shape)
    denoiser = isthmus.Denoiser("gaussian", 0.5, random_state=seed).fit(known)
    shrunk = noisy / (1 + 0.5**2)  # right if codes were N(0, 1), each number by itself
    return [np.mean((rows - asked) ** 2) for rows in (shrunk, denoiser.denoise(noisy))]


shrunk, denoised = np.array([left_over(m, seed) for seed, m in enumerate(plain)]).T
print("left of 0.25: shrunk", shrunk.round(3), " denoised", denoised.round(3))

# %%
units = models[0].inverse_transform(np.eye(256, dtype=np.float32))
columns = units - models[0].inverse_transform(np.zeros((1, 256)))
ways = comb(256, 7)
directions = np.linalg.svd(X - X.mean(0))[2][:8]
centred = unseen - X.mean(0)
lengths = np.linalg.norm(columns, axis=1)
sparse = [one.data.model.mse for one in evaluations]
linear = [one.data.pca.mse for one in evaluations]
lesson.given("units", 256)
lesson.exact("length", lengths.mean(), known=np.ones(256).mean(), digits=5)
lesson.exact(
    "which",
    np.log2(ways),
    known=(lgamma(257) - lgamma(250) - lgamma(8)) / log(2),
    digits=9,
)
lost = np.mean((centred - centred @ directions.T @ directions) ** 2)
lesson.exact("by_pca", by_pca, known=lost, digits=6)
lesson.within("on", [one.code.mean_on for one in evaluations], low=5.5, high=8)
lesson.within("sparse", sparse, low=0.0155, high=0.0205)
lesson.within("linear", linear, low=0.024, high=0.034)
lesson.holds(
    "ahead",
    np.less(sparse, linear),
    "its error is under that of PCA with as many numbers as it has units on",
)
lesson.within("dead", [dead(model) for model in models], low=140, high=215)
lesson.within("dead_k", [dead(model) for model in top_k], low=180, high=240)
lesson.holds(
    "named", [len(named(m)) == 10 for m in models], "each kind has a unit of its own"
)
lesson.within("strongly", strongly, low=0.9, high=1.0)
lesson.within("at_all", at_all, low=0.5, high=0.8)
lesson.within("tokens", tokens, low=0.020, high=0.0242)
lesson.holds("fewer", [one < by_pca for one in tokens], "under the error of PCA to 8")
lesson.given("noise", 0.25)
lesson.within("shrunk", shrunk, low=0.18, high=0.22)
lesson.within("left", denoised, low=0.1, high=0.19)
lesson.holds("better", denoised < shrunk, "less is left than by shrinking")

# %%
# Of {{ units }} units {{ on.low:.1f }} to {{ on.high:.1f }} are on at a time, and the
# error of a grey value is {{ sparse.low:.4f }} to {{ sparse.high:.4f }}; that of PCA
# with as many numbers is {{ linear.low:.4f }} to {{ linear.high:.4f }}, larger at each
# of {{ ahead }} seeds. The comparison favours the sparse code: the information *which*
# seven are on takes another {{ which:.0f }} bits, which are not counted. All small
# pictures have length {{ length:.0f }}.
#
# Each of the ten digits has a unit of its own, at each of {{ named }} seeds. Where such
# a unit is strongly on, its name is right for {{ strongly.low:.0%}} to
# {{ strongly.high:.0%}} of the held-out pictures. With one entry of a table, 8 bits,
# the error is {{ tokens.low:.4f }} to {{ tokens.high:.4f }}, below the {{ by_pca:.4f }}
# of PCA's eight numbers at each of {{ fewer }} seeds. Noise of variance {{ noise }} in
# the codes is reduced to {{ shrunk.low:.3f }} to {{ shrunk.high:.3f }} by shrinking
# each number, and to {{ left.low:.3f }} to {{ left.high:.3f }} by the denoiser, less at
# each of {{ better }} seeds: it has learned the shape of the codes.
#
# The picture
# -----------
#
# A card for each feature, like those made for language models: its small picture, the
# pictures that activate it, the digits they show, and what happens if it is turned up
# or off in one of them. Ten were named as above; three are other active ones, and one
# is dead. Then ask for pictures at *any* strength, and see what becomes of the name.

model, codes = models[0], models[0].transform(unseen)
chosen = [int(unit) for unit, _, _ in named(model)]
alive = np.flatnonzero((codes > 0).sum(0) >= 12)
others = [int(unit) for unit in alive if unit not in chosen][:3]
gone = int(np.flatnonzero(~(model.transform(X) > 0).any(0))[0])
names = {unit: (int(kind), strong) for unit, kind, strong in named(model)}


def as_letters(row):
    """A picture as a word of 64 letters, 0 for paper to g for ink."""
    greys = (16 * np.clip(row, 0, 1)).round().astype(int)
    return "".join("0123456789abcdefg"[grey] for grey in greys)


def card(unit):
    """What the picture knows of a feature."""
    z = codes[:, unit]
    on = np.argsort(-z)[: np.sum(z > 0)]
    any_strength = on[np.linspace(0, len(on) - 1, min(8, len(on))).astype(int)]
    kind, strong = names.get(unit, (None, np.inf))
    return {
        "unit": unit,
        "name": kind,
        "column": columns[unit].round(3),
        "share": np.mean(z > 0),
        "kinds": np.bincount(y_unseen[on], minlength=10),
        "strong": np.mean(y_unseen[z >= strong] == kind) if kind is not None else None,
        "strongest": [[as_letters(unseen[at]), y_unseen[at], z[at]] for at in on[:8]],
        "any": [[as_letters(unseen[at]), y_unseen[at], z[at]] for at in any_strength],
        "reconstructed": model.reconstruct(unseen[on[:1]])[0].round(3)
        if len(on)
        else None,
    }


lesson.widget(
    "feature",
    "A feature's card. Blue removes ink, orange adds it. The bars count the unseen "
    "pictures that activate it, by digit.",
    prompt="Choose a feature, and guess what it stands for.",
    cards=[card(unit) for unit in [*chosen, *others, gone]],
    k=7,
    times=0,
    any=False,
)

# %%
# An honest failure: the name on the card
# ---------------------------------------
#
# A card shows the strongest examples, and for these almost every unit looks pure. Of
# *all* unseen pictures that activate a named unit, only {{ at_all.low:.0%}} to
# {{ at_all.high:.0%}} show the digit of its name. The unit is a stroke at a place,
# which one digit happens to have most often, and the name is ours. The working case is
# the comparison above: on held-out pictures, at the strength for which it was given,
# the name holds.
#
# The second failure is silent. Of the {{ units }} units, {{ dead.low:.0f }} to
# {{ dead.high:.0f }} are on for no picture at all, and with top-k, where units compete,
# {{ dead_k.low:.0f }} to {{ dead_k.high:.0f }}. A unit that never wins gets no
# gradient, and so never will. Training large sparse autoencoders is largely about
# avoiding this (Gao et al. 2024, arXiv:2406.04093).
#
# Exercise
# --------
#
# Name three features of a given sparse autoencoder. The names are tested on pictures
# you have not seen, and the check says how often they were right.
#
# .. code-block:: console
#
#    $ isthmus learn 12 --start chapter_12.py
#    $ isthmus learn 12 --check chapter_12.py
#
# That was the last chapter. An autoencoder is still what it was on the line: a point,
# its place, and what is lost on the way. Bank, Koenigstein and Giryes
# (arXiv:2003.05991) survey the field; the rest is in your own data.
