r"""
7. How small?
=============

Vary the size of the code, and see what each number in it is worth.

An autoencoder is often said to look for the smallest code that still reconstructs its
input. It does not. It is *given* a size and looks for the smallest error. The best size
is a separate question, and needs the first one answered many times: fit codes of every
size, plot error against size, and decide how much you can afford to lose.
"""

# %%
# The formula
# -----------
#
# .. math::
#
#    D(p) = \frac{1}{n}\, \min_{f,\, g}\; \mathrm{E}\, \lVert x - g(f(x)) \rVert^2,
#    \qquad p^* = \min \{\, p : D(p) \le \epsilon\, D(0) \,\}
#
# In words: :math:`D(p)`, the *distortion*, is the least error of a grey value that an
# encoder :math:`f` and a decoder :math:`g` can reach with :math:`p` numbers between
# them; E averages over pictures of :math:`n` pixels. :math:`D(0)` is the error without
# any code, that of the mean picture, and :math:`D(p)/D(0)` is the share of the variance
# that is lost. The answer :math:`p^*` is the smallest size that loses no more than the
# share :math:`\epsilon`, which *you* must choose: no curve knows what a loss costs you.
#
# The curve is called *rate–distortion*, with :math:`p` standing in for the rate.
# (Strictly, a rate is measured in bits, and a number is not a bit; ``rate_distortion``
# below counts bits too.) For PCA, on the rows it was fitted to, there is a formula. If
# :math:`\lambda_1 \ge \lambda_2 \ge \dots` are the variances along its directions,
#
# .. math:: D(p) = \frac{1}{n} \sum_{j > p} \lambda_j
#
# what is lost is the variance of the directions left out. For a network there is no
# formula: what training reaches is an upper bound on :math:`D(p)`, and a better recipe
# lowers it.
#
# The computation
# ---------------
#
# Nine sizes, five seeds each, and PCA at every size. All errors are on unseen digits.

from itertools import pairwise

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from isthmus import Autoencoder, rate_distortion
from isthmus.tables import load_bundled
from isthmus_course import Lesson

lesson = Lesson(7, "How small?", seed=0)

digits = load_bundled("digits")
train, test = train_test_split(
    np.arange(len(digits.values)),
    test_size=0.2,
    random_state=0,
    stratify=digits.labels,
)
X, unseen = digits.values[train], digits.values[test]
LAYERS, SIZES, SEEDS = (64,), (1, 2, 4, 6, 8, 12, 16, 24, 32), range(5)


def error(reconstructed):
    """Mean squared error of a grey value, on digits never seen."""
    return np.mean((unseen - reconstructed) ** 2)


def fit(p, seed):
    """An autoencoder with p latents, started at PCA."""
    return Autoencoder(
        p, hidden_layer_sizes=LAYERS, polish=0, refit=False, random_state=seed
    ).fit(X)


pca = PCA().fit(X)
mean, directions = pca.mean_, pca.components_
codes = (unseen - mean) @ directions.T
by_pca = [error(mean + codes[:, :p] @ directions[:p]) for p in range(65)]

models = {p: [fit(p, seed) for seed in SEEDS] for p in SIZES}
errors = {
    p: np.array([error(model.reconstruct(unseen)) for model in fits])
    for p, fits in models.items()
}
print(" p    PCA loses   networks lose")
for p, found in errors.items():
    shares = 100 * np.array([found.min(), found.max()]) / by_pca[0]
    print(f"{p:2}  {100 * by_pca[p] / by_pca[0]:7.1f}%   {shares.round(1)}%")

# %%
# PCA's formula is compared with its errors on its own rows. And one relation is checked
# for every fit: the library's network starts *as* PCA and keeps the best epoch on
# held-out rows, the start included, so on those rows it cannot be worse than PCA. On
# unseen digits there is no such guarantee, so it is measured.

own_codes = (X - mean) @ directions.T
own = [np.mean((X - mean - own_codes[:, :p] @ directions[:p]) ** 2) for p in (0, 8, 32)]
powers = np.linalg.eigvalsh(np.cov(X.T, bias=True))[::-1]
squares = np.linalg.svd(X - X.mean(0))[2]
lost_by = ((unseen - X.mean(0)) @ squares.T) ** 2 / unseen.size
tails = [lost_by[:, p:].sum() for p in range(65)]
lesson.exact("own", own[1], known=powers[8:].sum() / 64)
lesson.exact("nothing", by_pca[0], known=tails[0])
lesson.exact("pca8", by_pca[8] / by_pca[0], known=tails[8] / tails[0])
lesson.exact("pca32", by_pca[32] / by_pca[0], known=tails[32] / tails[0])
lesson.within("net8", errors[8] / by_pca[0], low=0.18, high=0.21)
lesson.within("net32", errors[32] / by_pca[0], low=0.012, high=0.022)


def never_above(model):
    """Whether the epoch kept is no worse than the start, PCA, on held-out rows."""
    kept, start = model.history_[model.best_epoch_], model.history_[0]
    return kept["validation_mse"] <= start["validation_mse"]


lesson.holds(
    "held_out",
    [all(never_above(models[p][seed]) for p in SIZES) for seed in SEEDS],
    "at every size it is not above PCA on its held-out rows",
)
lesson.holds(
    "under",
    [all(errors[p][seed] < by_pca[p] for p in SIZES) for seed in SEEDS],
    "at every size its error on digits never seen is under PCA's",
)
lesson.holds(
    "falls",
    [
        all(errors[p][seed] > errors[q][seed] for p, q in pairwise(SIZES))
        for seed in SEEDS
    ],
    "from each size to the next its error falls",
)
lesson.within(
    "ratio",
    [max(errors[p][seed] / by_pca[p] for p in SIZES[2:]) for seed in SEEDS],
    low=0.5,
    high=0.7,
)

# %%
# Without any code the error is {{ nothing:.4f}}; shares are of that. Networks with
# eight numbers lose {{ net8.low:.1%}} to {{ net8.high:.1%}} of it, where PCA loses
# {{ pca8:.1%}}; with 32 they lose {{ net32.low:.1%}} to {{ net32.high:.1%}} and PCA
# {{ pca32:.1%}}. (On its own rows, PCA's error with eight is {{ own:.5f}}, which is the
# formula's to twelve decimals.) From four numbers on, the networks' error is at most
# {{ ratio.high:.2f}} times PCA's. It is never above PCA's on held-out rows, at each of
# {{ held_out }} seeds, nor on unseen digits, at each of {{ under }}; and at each of
# {{ falls }} seeds every step to a larger code lowers the error.
#
# The picture
# -----------
#
# Every dot is a size that was fitted. Click one, or move the ring there with the arrow
# keys, to load it: beside it is one unseen digit at that size, and the difference
# (blue: too little ink, orange: too much). Both axes are logarithmic: equal steps to
# the right double the code.

chosen = [
    int(np.flatnonzero(digits.labels[test].astype(int) == k)[1]) for k in range(6)
]
shown = unseen[chosen]
pages = []
for p, found in errors.items():
    model = models[p][0]
    pages.append(
        {
            "size": p,
            "low": found.min(),
            "mean": found.mean(),
            "high": found.max(),
            "code": (model.transform(shown) / model.transform(X).std(0)).round(2),
            "reconstructed": model.reconstruct(shown).round(3),
            "pca": (mean + codes[chosen][:, :p] @ directions[:p]).round(3),
        }
    )
lesson.widget(
    "sweep",
    "The share of the variance that is lost, against the numbers in the code: PCA, and "
    "networks with the range of their five seeds, which is hardly wider than the line. "
    "The dashed line is what you allow to be lost; the smallest sizes below it are "
    "orange, for the networks tried (filled) and for PCA (open).",
    prompt="Say how much may be lost, and read off the size.",
    pages=pages,
    pca=by_pca[:41],
    originals=shown.round(4),
    kinds=list(range(6)),
    k=4,
    digit=3,
    allowed=5,
)

# %%
# Choosing
# --------
#
# Suppose that five percent may be lost. The size must be chosen on rows that were not
# used for training, and *stated* on rows that took no part in the choice either.
# :func:`isthmus.rate_distortion` does both: it splits the training rows five times,
# finds the size by bisection, fits again, and only then looks at the unseen digits.

found = rate_distortion(
    digits.values,
    keep=0.95,
    n_seeds=5,
    split=(train, test),
    hidden_layer_sizes=LAYERS,
    polish=0,
    refit=False,
)
print(found.sentence)
print("each split alone would have chosen:", found.choice.votes)

# %%
needed = int(np.flatnonzero(np.array(by_pca) <= 0.05 * by_pca[0])[0])
lost = [error(fit(found.size, seed).reconstruct(unseen)) / by_pca[0] for seed in SEEDS]
lesson.within("votes", found.choice.votes, low=20, high=26)
lesson.within("lost", lost, low=0.035, high=0.055)
lesson.exact(
    "needed", needed, known=1 + max(p for p in range(65) if tails[p] > 0.05 * tails[0])
)

# %%
# By themselves, the five splits would have chosen {{ votes.low:.0f}} to
# {{ votes.high:.0f}} numbers; with the size they give together, {{ lost.low:.1%}} to
# {{ lost.high:.1%}} of the unseen digits' variance is lost. PCA needs {{ needed }}
# numbers to lose no more than five percent. The sentence printed above asks a harder
# question: how many it needs to do as well as this code.
#
# An honest failure: the elbow
# ----------------------------
#
# It is tempting to let the curve choose: go down it until it "bends", and stop at the
# *elbow*, commonly the point farthest below the straight line between the curve's two
# ends. Here it is on PCA's curve, drawn up to 8, 16, 32 or 64 numbers; and beside it
# the smallest size that loses no more than five percent.


def elbow(curve):
    """The size at which the curve is farthest below the line between its ends."""
    ends = np.linspace(curve[0], curve[-1], len(curve))
    return int(np.argmax(ends - curve))


def enough(curve, share=0.05):
    """The smallest size that loses no more than the share; None if the curve ends."""
    passing = np.flatnonzero(np.array(curve) <= share * curve[0])
    return int(passing[0]) if len(passing) else None


for drawn_to in (8, 16, 32, 64):
    curve = by_pca[: drawn_to + 1]
    print(f"to {drawn_to:2}: elbow {elbow(curve):2}, enough {enough(curve)}")

# %%
# A second way to fool yourself is to evaluate on the training rows. Take thirty digits,
# and PCA with 29 numbers.

few = PCA(29).fit(X[:30])
own_lost = np.mean((X[:30] - few.inverse_transform(few.transform(X[:30]))) ** 2)
few_lost = error(few.inverse_transform(few.transform(unseen)))
print("of the thirty:", own_lost.round(6), " of unseen ones:", few_lost.round(4))


# %%
def elbow_by_distance(curve):
    """The same, by the distance at a right angle."""
    ends = np.array([len(curve) - 1, curve[-1] - curve[0]])
    places = np.column_stack([np.arange(len(curve)), np.array(curve) - curve[0]])
    apart = places[:, 0] * ends[1] - places[:, 1] * ends[0]
    return int(np.argmax(apart / np.linalg.norm(ends)))


drawn = [by_pca[: drawn_to + 1] for drawn_to in (8, 16, 32, 64)]
rest = unseen - X[:30].mean(0)
space = np.linalg.qr((X[1:30] - X[0]).T)[0]
lesson.exact(
    "elbows", list(map(elbow, drawn)), known=list(map(elbow_by_distance, drawn))
)
lesson.exact("same", [enough(curve) for curve in drawn[2:]], known=[needed, needed])
lesson.exact("own_few", own_lost, known=0.0)
lesson.exact(
    "few",
    few_lost / by_pca[0],
    known=np.mean((rest - rest @ space @ space.T) ** 2) / tails[0],
    digits=8,
)

# %%
# .. list-table::
#    :header-rows: 1
#
#    * - curve drawn to
#      - elbow
#      - loses no more than five percent
#    * - 8 numbers
#      - {{ elbows[0] }}
#      - none of these
#    * - 16
#      - {{ elbows[1] }}
#      - none of these
#    * - 32
#      - {{ elbows[2] }}
#      - {{ same[0] }}
#    * - 64
#      - {{ elbows[3] }}
#      - {{ same[1] }}
#
# The elbow moves with the paper's edge: it says how far you drew, not what the data
# need. The other rule says when it has no answer, and otherwise always gives the same
# one.
#
# And the thirty digits: with 29 numbers nothing of them is lost ({{ own_few:.0f}}, to
# twelve decimals), since any thirty points lie in 29 dimensions, whether they are
# digits or noise. Of other digits {{ few:.0%}} is lost. By its own rows, every code is
# large enough in the end.
#
# Exercise
# --------
#
# Write the choice: given training rows, rows for the evaluation, and a way to fit,
# return the smallest size that loses no more than a given share. The check tests
# whether your size is enough, whether a smaller one would be, and which rows you fitted
# to.
#
# .. code-block:: console
#
#    $ isthmus learn 7 --start chapter_7.py
#    $ isthmus learn 7 --check chapter_7.py
#
# Next: what a map of codes means, and what it does not.
