r"""
8. Reading the map without fooling yourself
===========================================

A plane of codes looks like a map; some of what it shows is real, and some is not.

With two numbers a picture can be drawn as a dot, and everybody who looks at such maps
sees things: neighbours, islands, distances, roads from here to there. The map was made
to reconstruct pictures, and for nothing else. So ask of each thing you see: would
another training run show it too? Does PCA's map? And is anything *there* at all, or
does the decoder make it up?
"""

# %%
# The formula
# -----------
#
# Take any invertible matrix :math:`A`, and use the code :math:`A z` in place of
# :math:`z`; the new decoder first inverts it:
#
# .. math:: z' = A\,f(x), \qquad \hat{x} = g(A^{-1} z')
#
# Every picture is reconstructed as before. Training has no reason to prefer one such
# map to another: the map may be rotated, mirrored, stretched and sheared, and its axes
# and lengths mean nothing. To compare two maps :math:`Z` and :math:`Z'`, centred and of
# unit size, with a row for each picture, one is first rotated, mirrored and scaled to
# match the other as well as possible. This is called *Procrustes* analysis, after an
# innkeeper who fitted guests to his bed:
#
# .. math:: d = \min_{s,\,R}\; \lVert Z - s\,Z' R \rVert^2, \qquad R^\top R = I
#
# The number :math:`s` scales; the matrix :math:`R` rotates and mirrors, which is what
# the condition says, with :math:`I` the identity matrix. What cannot be made to agree,
# :math:`d`, is between 0, the same map, and 1, nothing in common.
#
# Where is the map empty? As in chapter 0, take a place's mean distance from its five
# nearest codes, and call it *beyond* if it is larger than that of 99 in 100 codes.
#
# The computation
# ---------------

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial import procrustes
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

import isthmus
from isthmus.tables import load_bundled
from isthmus_course import Lesson
from isthmus_course.moving import decoder_state

lesson = Lesson(8, "Reading the map without fooling yourself", seed=0)

digits = load_bundled("digits")
X, unseen, kinds, unseen_kinds = train_test_split(
    digits.values,
    digits.labels.astype(int),
    test_size=0.2,
    random_state=0,
    stratify=digits.labels,
)
models = [
    isthmus.Autoencoder(
        2, hidden_layer_sizes=(64, 32), polish=0, refit=False, random_state=seed
    ).fit(X)
    for seed in range(5)
]
maps = [model.transform(X).astype(float) for model in models]
flat = PCA(2).fit_transform(X)

# %%
# **Neighbours.** :func:`isthmus.evaluate` predicts the class of an unseen digit from
# the five nearest codes, and measures how well separated the classes are (the
# *silhouette*: 1 is islands, 0 is a crowd), and does the same for PCA's map.

reports = [
    isthmus.evaluate(model, unseen, unseen_kinds, X_train=X, y_train=kinds)
    for model in models
]
known = KNeighborsClassifier(5).fit(X, kinds).score(unseen, unseen_kinds)
read = [report.labels.neighbours for report in reports]
apart = [report.labels.silhouette for report in reports]
print("kinds read off the map:", np.round(read, 3), " by pixels:", round(known, 3))
print("silhouette:            ", np.round(apart, 3))
print("PCA:", reports[0].pca_labels)

# %%
# **Distances.** "Fours and nines are closer than zeros and ones." Closer than what?
# Take the centres of the ten classes and rank their 45 pairs, the closest first. Since
# a map may be stretched at will, it is first scaled to a spread of 1 in all directions.


def ranks(codes):
    """The rank of each pair of kinds among the 45, 1 for the closest."""
    unstretched = codes @ np.linalg.inv(np.linalg.cholesky(np.cov(codes.T))).T
    middles = np.array([unstretched[kinds == kind].mean(0) for kind in range(10)])
    pairs = list(combinations(range(10), 2))
    order = np.argsort([np.linalg.norm(middles[a] - middles[b]) for a, b in pairs])
    return {pairs[at]: place + 1 for place, at in enumerate(order)}


by_map = [ranks(codes) for codes in [*maps, flat]]
for pair in [(4, 9), (0, 1), (3, 5)]:
    found = [int(table[pair]) for table in by_map]
    print(f"{pair[0]} and {pair[1]}: five seeds {found[:5]}, PCA {found[5]}")

# %%
# **The same map?** Ten pairs of seeds, matched by Procrustes.

misfits = [procrustes(a, b)[2] for a, b in combinations(maps, 2)]
print("left over between two seeds:", np.round(np.sort(misfits), 3))

# %%
shear = np.array([[2.0, 1.5], [0.0, -0.3]])
codes = models[0].transform(unseen).astype(float)
back = (codes @ shear.T) @ np.linalg.inv(shear).T
reconstructed = [
    models[0].inverse_transform(z.astype(np.float32)) for z in (codes, back)
]
lesson.given("shear", shear)
lesson.exact(
    "sheared", np.abs(reconstructed[0] - reconstructed[1]).max(), known=0, digits=5
)
lesson.exact("pairs", len(by_map[0]), known=10 * 9 / 2)
lesson.within("read", read, low=0.8, high=0.92)
pca_map = PCA(2).fit(X)
nearest = KNeighborsClassifier(5).fit(pca_map.transform(X), kinds)
lesson.exact(
    "read_pca",
    reports[0].pca_labels.neighbours,
    known=nearest.score(pca_map.transform(unseen), unseen_kinds),
    digits=2,
)
lesson.exact(
    "read_pixels",
    known,
    known=np.mean(
        [
            np.bincount(kinds[near]).argmax() == kind
            for near, kind in zip(
                np.argsort(pairwise_distances(unseen, X), axis=1)[:, :5],
                unseen_kinds,
                strict=True,
            )
        ]
    ),
    digits=2,
)
lesson.within("apart", apart, low=0.15, high=0.28)
lesson.holds(
    "reads",
    [report.labels.neighbours > report.pca_labels.neighbours for report in reports],
    "more kinds are read off its map than off PCA's",
)
lesson.within("four_nine", [t[4, 9] for t in by_map[:5]], low=24, high=44)
lesson.within("zero_one", [t[0, 1] for t in by_map[:5]], low=26, high=45)
closer = [float(t[4, 9] < t[0, 1]) for t in by_map[:5]]
lesson.within("closer", closer, low=0, high=1)
lesson.holds(
    "farther",
    [t[4, 9] > 45 / 2 for t in by_map[:5]],
    "fours and nines are in the farther half of the pairs",
)
lesson.within("misfit", misfits, low=0.02, high=0.45)

# %%
# Stretch the map by the matrix with the rows ({{ shear[0][0]:g }}, {{ shear[0][1]:g }})
# and ({{ shear[1][0]:g }}, {{ shear[1][1]:g }}), undo it before decoding, and the
# largest change of any reconstructed grey value is {{ sheared:.0f }}, to five decimals.
#
# .. list-table::
#    :header-rows: 1
#
#    * - what was seen
#      - measured, {{ read.seeds }} seeds
#      - to compare
#    * - like lies with like
#      - {{ read.low:.0%}} to {{ read.high:.0%}} of classes read off the map
#      - PCA {{ read_pca:.0%}}, all pixels {{ read_pixels:.0%}}
#    * - classes are islands
#      - silhouette {{ apart.low:.2f }} to {{ apart.high:.2f }}
#      - 1 would be islands
#    * - 4 is close to 9
#      - place {{ four_nine.low:.0f }} to {{ four_nine.high:.0f }}, closest first
#      - of {{ pairs:.0f }}
#    * - 0 is far from 1
#      - place {{ zero_one.low:.0f }} to {{ zero_one.high:.0f }}, closest first
#      - of {{ pairs:.0f }}
#    * - two seeds, one map
#      - {{ misfit.low:.0%}} to {{ misfit.high:.0%}} does not match
#      - ten pairs of seeds
#
# Like does lie with like, at all {{ reads }} seeds, and more so than for PCA. Fours and
# nines are *closer than zeros and ones* at {{ closer.mean:.0%}} of the seeds, but that
# is hardly the point: at all {{ farther }} they are in the *farther* half of the pairs.
# What one picture of one map shows is an anecdote.
#
# The picture
# -----------
#
# Two maps of the same pictures. Drag the ring on the left map, or use the arrow keys:
# the digit nearest to it, and its five neighbours, are marked on both. Then slide the
# right map onto the left one, and see what still differs.


def beyond(codes, places):
    """Which places are farther from codes than 99 in 100 codes are."""
    near = np.sort(pairwise_distances(codes / codes.std(0)), axis=1)[:, 1:6].mean(1)
    far = np.sort(pairwise_distances(places / codes.std(0), codes / codes.std(0)))
    return far[:, :5].mean(1) > np.quantile(near, 0.99)


def frame(codes, steps):
    """Places on a grid over the map, without the few codes that lie farthest out."""
    low, high = np.quantile(codes, [0.005, 0.995], axis=0)
    middles = (np.arange(steps) + 0.5) / steps
    across, up = (low + middles[:, None] * (high - low)).T
    return np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2), low, high


grid, low, high = frame(maps[0], 28)
inside = np.flatnonzero(((maps[0] >= low) & (maps[0] <= high)).all(1))
sample = inside[np.random.default_rng(0).permutation(len(inside))[:240]]
greys = (16 * X[sample]).round().astype(int)
threes = np.flatnonzero(kinds[sample] == 3)
off = maps[0][sample[threes]] - np.median(maps[0][kinds == 3], axis=0)
three = threes[np.linalg.norm(off, axis=1).argmin()]
others = {"seed 1": maps[1], "seed 2": maps[2], "PCA": flat}
lesson.widget(
    "maps",
    "First, the map of seed 0; grey is where no digit lives. Second, another map of "
    "the same digits, as it came, or rotated, mirrored and scaled to match the first.",
    prompt="Lay one map on the other.",
    place=maps[0][sample[three]],
    morph=0,
    other=0,
    shaded=True,
    codes=maps[0][sample].round(4),
    others=[
        {"name": name, "codes": codes[sample].round(4)}
        for name, codes in others.items()
    ],
    labels=kinds[sample],
    pictures=["".join("0123456789abcdefg"[grey] for grey in row) for row in greys],
    extent=[low, high],
    beyond="".join("01"[int(one)] for one in beyond(maps[0], grid)),
    decoder=decoder_state(models[0]),
)

# %%
# An honest failure: a drawing of what is not there
# -------------------------------------------------
#
# Decoding a regular grid of places looks like making new digits, and is often shown
# that way. The second figure has the same drawings, without those where no digit lives,
# and each scaled by how many do: its area grows with the number of training codes in
# its cell, up to {{ full }}.

steps, full = 12, 20
places, low, high = frame(maps[0], steps)
drawn = models[0].inverse_transform(places.astype(np.float32)).reshape(-1, 8, 8)
hidden = beyond(maps[0], places)
edges = [np.linspace(low[axis], high[axis], steps + 1) for axis in (0, 1)]
lives = np.histogram2d(*maps[0].T, bins=edges)[0].T.ravel()  # codes in each cell
sides = np.sqrt(np.clip(lives, 2, full) / full)

_, both = plt.subplots(1, 2, figsize=(8, 4.1), layout="constrained")
titles = ("drawn everywhere", "sized by how many digits live there")
for on, title, side in zip(both, titles, (np.ones(steps**2), sides), strict=True):
    for at in range(steps**2):
        if on is both[0] or not hidden[at]:
            x, y, half = at % steps + 0.5, at // steps + 0.5, 0.42 * side[at]
            box = (x - half, x + half, y - half, y + half)
            on.imshow(drawn[at], "gray_r", vmin=0, vmax=1, extent=box)
    on.set(xlim=(0, steps), ylim=(0, steps), xticks=[], yticks=[])
    on.set_title(title, fontsize=10)
both[1].set_facecolor("#e3e6ea")

# %%
# How unevenly are digits spread? Count the fewest cells that hold half of the digits in
# the frame, and the cells that hold none.


def cells(codes):
    """Shares of the cells: those that hold half of the codes, and those without one."""
    _, low, high = frame(codes, steps)
    edges = [np.linspace(low[axis], high[axis], steps + 1) for axis in (0, 1)]
    held = np.sort(np.histogram2d(*codes.T, bins=edges)[0].ravel())[::-1]
    half = np.searchsorted(np.cumsum(held), held.sum() / 2) + 1
    return half / len(held), np.mean(held == 0)


uneven = np.array([cells(codes) for codes in maps])
print("cells that hold half:", uneven[:, 0].round(3), " none:", uneven[:, 1].round(3))

# %%
lesson.given("full", full)
lesson.exact("cells", len(lives), known=steps**2)
lesson.within("half", uneven[:, 0], low=0.1, high=0.2)
lesson.within("bare", uneven[:, 1], low=0.14, high=0.36)

# %%
# Of the {{ cells }} cells, {{ half.low:.0%}} to {{ half.high:.0%}} hold half of the
# digits in the frame, and {{ bare.low:.0%}} to {{ bare.high:.0%}} hold none. A grid
# that draws all cells alike shows rare digits as often as common ones. (A cell without
# a code need not be beyond: digits may live close by.)
#
# Are the drawings worse beyond the digits? Two measures say so. Encode the drawing
# again: where digits live, its code is close to the place it was drawn at. And measure
# how far the drawing is from the nearest real digit.


def measured(model, codes):
    """Beyond and within: the share beyond, the way back, and the nearest real digit."""
    places, _, _ = frame(codes, 40)
    drawings = model.inverse_transform(places.astype(np.float32))
    off = beyond(codes, places)
    back = np.linalg.norm((model.transform(drawings) - places) / codes.std(0), axis=1)
    real = pairwise_distances(drawings, X).min(1)
    return [
        off.mean(),
        *(np.median(back[part]) for part in (off, ~off)),
        *(real[part].mean() for part in (off, ~off)),
    ]


rows = np.array([measured(*pair) for pair in zip(models, maps, strict=True)])
print("share beyond:      ", rows[:, 0].round(3))
print("the way back:      ", rows[:, 1].round(3), "within", rows[:, 2].round(3))
print("nearest real digit:", rows[:, 3].round(3), "within", rows[:, 4].round(3))

# %%
lesson.within("beyond", rows[:, 0], low=0.2, high=0.48)
lesson.within("back.beyond", rows[:, 1], low=0.1, high=0.25)
lesson.within("back.within", rows[:, 2], low=0.04, high=0.09)
lesson.within("real.beyond", rows[:, 3], low=1.02, high=1.5)
lesson.within("real.within", rows[:, 4], low=0.88, high=1.05)
lesson.holds(
    "worse",
    [row[1] > 1.5 * row[2] and row[3] > row[4] for row in rows],
    "drawings beyond come back farther off, and are farther from real digits",
)

# %%
# Between {{ beyond.low:.0%}} and {{ beyond.high:.0%}} of the frame is beyond. There the
# code of a drawing is {{ back.beyond.low:.2f }} to {{ back.beyond.high:.2f }} spreads
# from its place, elsewhere {{ back.within.low:.2f }} to {{ back.within.high:.2f }}; and
# the nearest real digit is at a distance of {{ real.beyond.low:.2f }} to
# {{ real.beyond.high:.2f }}, elsewhere {{ real.within.low:.2f }} to
# {{ real.within.high:.2f }}. Both are worse at all {{ worse }} seeds. Shade a map where
# no digit lives, and it stops telling tales; ``isthmus explore`` does so for any model.
#
# Exercise
# --------
#
# "Fours and nines are closer than zeros and ones": true, false, or does it depend?
# Write two functions: a rank that no stretching of a map can change, and a comparison
# over several maps.
#
# .. code-block:: console
#
#    $ isthmus learn 8 --start chapter_8.py
#    $ isthmus learn 8 --check chapter_8.py
#
# Next: what else to ask of a code than to be small.
