r"""
1. Why compression can work
===========================

Correlated columns can be described by fewer numbers, and how few can be measured.

A picture of 64 grey values is 64 numbers, but hardly 64 *facts*. Where a pen has left
ink, the neighbouring places are likely dark too; the corners of the paper are always
white. What can be guessed from the rest need not be stored. This *redundancy* can be
measured before any network is trained. It can also be removed, to see what is then left
to compress.
"""

# %%
# The formula
# -----------
#
# Let :math:`x` be a row of the table, here a picture, and :math:`\mu`, pronounced "mu",
# the mean of all rows. Choose :math:`k` *directions* :math:`v_1, \dots, v_k`, each of
# length one and each at a right angle to the others, and reconstruct the row from its
# coordinates along them:
#
# .. math:: \hat{x} = \mu + \sum_{j=1}^{k} z_j\,v_j, \qquad z_j = v_j^\top (x - \mu)
#
# In words: start with the mean, add some amount of the first direction, then of the
# second, and so on; the amounts :math:`z_j` are the code. (:math:`v^\top x` multiplies
# the two entry by entry and sums.) Which directions lose the least? *Principal
# component analysis*, PCA, finds them: :math:`v_1` is the direction along which the
# rows vary most, :math:`v_2` the one along which they vary most of those at a right
# angle to the first, and so on. With :math:`\lambda_j`, pronounced "lambda", for the
# variance along direction :math:`j`, of :math:`n` in all, the share of variance kept is
#
# .. math:: \mathrm{kept}(k) =
#    \frac{\lambda_1 + \dots + \lambda_k}{\lambda_1 + \dots + \lambda_n}
#
# The list of the :math:`\lambda_j` is called the *spectrum*. If it falls quickly, a few
# numbers say nearly everything.
#
# The computation
# ---------------
#
# Before reading on, make a guess: how many of 64 numbers are needed to keep nine tenths
# of the variance of handwritten digits? The exercise will ask for it.

import numpy as np
from sklearn.decomposition import PCA

from isthmus import Autoencoder
from isthmus.tables import load_bundled
from isthmus_course import Lesson
from isthmus_course.moving import linear_state

lesson = Lesson(1, "Why compression can work", seed=0)

X = load_bundled("digits").values
kept = np.cumsum(PCA().fit(X).explained_variance_ratio_)
for k in (1, 2, 5, 10, 16, 32, 64):
    print(f"{k:2} numbers keep {kept[k - 1]:.1%}")

# %%
# Now a control. Shuffle each pixel's column separately over the pictures. Every pixel
# keeps its values, and so its mean and its variance, but no pixel says anything about
# another any more.


def shuffled(table, seed):
    """The table with each column shuffled by itself."""
    return np.random.default_rng(seed).permuted(table, axis=0)


def needed(kept, share):
    """How many directions keep at least this share."""
    return int(np.argmax(kept >= share)) + 1


tables = [shuffled(X, seed) for seed in range(5)]
loose = [np.cumsum(PCA().fit(table).explained_variance_ratio_) for table in tables]
half = [needed(one, 0.5) for one in loose]
most = [needed(one, 0.9) for one in loose]
print("half the variance:", needed(kept, 0.5), "numbers; shuffled:", half)
print("nine tenths:      ", needed(kept, 0.9), "numbers; shuffled:", most)

# %%
# An autoencoder can begin exactly there. With no hidden layers and no training,
# :class:`isthmus.Autoencoder` is PCA, number for number:

linear = Autoencoder(10, hidden_layer_sizes=(), max_iter=0, random_state=0).fit(X)
by_pca = PCA(10).fit(X).inverse_transform(PCA(10).fit_transform(X))
apart = np.abs(linear.reconstruct(X) - by_pca).max()
print("largest difference of a reconstructed grey value:", apart)

# %%
spectrum = np.linalg.eigvalsh(np.cov(X, rowvar=False))[::-1]
by_eigenvalues = np.cumsum(spectrum) / spectrum.sum()
lesson.given("pictures", len(X))
lesson.exact("columns", X.shape[1], known=8 * 8)
lesson.exact("constant", (X.var(0) == 0).sum(), known=(np.ptp(X, axis=0) == 0).sum())
for k in (10, 16, 32):
    lesson.exact(f"kept{k}", kept[k - 1], known=by_eigenvalues[k - 1])
    lesson.within(
        f"loose{k}", [one[k - 1] for one in loose], low=k / 64, high=kept[k - 1]
    )
for name, share in (("half", 0.5), ("most", 0.9)):
    lesson.exact(name, needed(kept, share), known=(by_eigenvalues < share).sum() + 1)
    lesson.within(
        f"loose_{name}", [needed(one, share) for one in loose], low=14, high=38
    )
variances = [np.abs(table.var(0) - X.var(0)).max() for table in tables]
lesson.exact("same", max(variances), known=0.0)
lesson.exact("apart", apart, known=0.0, digits=5)

# %%
# .. list-table::
#    :header-rows: 1
#
#    * - numbers kept, of {{ columns }}
#      - variance kept, digits
#      - shuffled digits ({{ loose10.seeds }} seeds)
#    * - 10
#      - {{ kept10:.1%}}
#      - {{ loose10.low:.1%}} to {{ loose10.high:.1%}}
#    * - 16
#      - {{ kept16:.1%}}
#      - {{ loose16.low:.1%}} to {{ loose16.high:.1%}}
#    * - 32
#      - {{ kept32:.1%}}
#      - {{ loose32.low:.1%}} to {{ loose32.high:.1%}}
#
# Of the {{ pictures }} digits, {{ half }} numbers keep half of the variance, and
# {{ most }} keep nine tenths. After shuffling it takes {{ loose_half.mean:.0f }} and
# {{ loose_most.mean:.0f }}, on average over the seeds, although shuffling leaves the
# variance of every column alone: to twelve decimals, the largest change is
# {{ same:.0f }}. What made the digits compressible was in no column: it was *between*
# them.
#
# Why aren't all {{ columns }} numbers needed even then? Because {{ constant }} pixels
# are the same in every picture and many others hardly change: leaving those out costs
# little. That much is not redundancy, only dullness.
#
# The untrained autoencoder differs from PCA by {{ apart:.0e}} at most, which is the
# rounding of single precision. That is where isthmus starts training, so what it
# learns comes on top of what is measured here.
#
# .. note::
#
#    This counts *numbers*, not bits. How precisely each must be stored is another
#    question; chapter 11 rounds codes to a few bits.
#
# The picture
# -----------
#
# Move k, by the slider, by the dot on the curve or with the arrow keys. Then shuffle
# the columns and see what the same k is worth.

kinds = load_bundled("digits").labels.astype(int)
shown = [np.flatnonzero(kinds == kind)[0] for kind in (3, 0, 8, 6)]
worlds = []
for table in (X, shuffled(X, 0)):
    pca = PCA().fit(table)
    greys = (16 * table[shown]).round().astype(int)
    worlds.append(
        {
            "rows": ["".join("0123456789abcdefg"[g] for g in row) for row in greys],
            "codes": pca.transform(table[shown]).round(5),
            "kept": np.append(0, np.cumsum(pca.explained_variance_ratio_)).round(6),
            "decoder": linear_state(pca.components_, pca.mean_),
        }
    )
lesson.widget(
    "spectrum",
    "The curves are the share of variance that k directions keep, for the digits and "
    "for the same table with its columns shuffled; the one not chosen is dashed. The "
    "pictures are one row, its reconstruction from k numbers, and what is lost. In a "
    "shuffled row there is nothing to see, and nothing to save.",
    prompt="Move the slider: how many directions are enough?",
    k=10,
    shuffled=False,
    row=0,
    worlds=worlds,
)

# %%
# An honest failure: the spectrum errs both ways
# ----------------------------------------------
#
# The spectrum sees only *linear* redundancy, and it counts in the units of the columns.
# Take points all around a circle: one number, the angle, says everything. And take six
# columns that have nothing to do with one another, then convert the last of them from
# metres to millimetres:

angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
circle = np.column_stack([np.cos(angle), np.sin(angle)])
by_one = PCA(1).fit(circle).explained_variance_ratio_[0]

unrelated = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 6), axis=-1).reshape(-1, 6)
in_metres = PCA(1).fit(unrelated).explained_variance_ratio_[0]
unrelated[:, -1] *= 1000
in_millimetres = PCA(1).fit(unrelated).explained_variance_ratio_[0]
print("circle:", by_one, " in metres:", in_metres, " in millimetres:", in_millimetres)

# %%
lesson.exact("circle", by_one, known=1 / 2)
lesson.exact("metres", in_metres, known=1 / 6)
lesson.exact("millimetres", in_millimetres, known=1e6 / (1e6 + 5))

# %%
# On the circle one direction keeps {{ circle:.0%}} of the variance, and nothing in the
# spectrum reveals that one *nonlinear* number would keep everything: here it is too
# pessimistic, and chapter 6 bends the line. Of the unrelated columns one direction
# keeps {{ metres:.1%}}, which is right, one in six; in millimetres it keeps
# {{ millimetres:.4%}}, and nothing has become more redundant: here it is too
# optimistic. So bring columns to comparable units first, and read a spectrum as what
# *linear* compression can do, no more.
#
# Exercise
# --------
#
# Write down your guess. Then write a function that finds, for any table and any share,
# how many directions are needed. It is tried on tables whose answer is known, and on
# tables that were shifted, rotated and shuffled.
#
# .. code-block:: console
#
#    $ isthmus learn 1 --start chapter_1.py
#    $ isthmus learn 1 --check chapter_1.py
#
# Next: one direction, one point, and every number by hand.
