r"""
4. What the loss means
======================

A loss is a sum or a mean, from some likelihood, in some unit: ask which.

"Loss {{ example:.3f }}" is half a sentence. Was the error summed over the numbers of a
row, or averaged? Is it a squared error, or a log-probability? In which unit, and what
is the lowest possible value? The same picture, drawn the same way, is called several
quite different numbers, and none is wrong. But anyone who adds something to a loss, or
compares two losses, must know which it is.
"""

# %%
# The formula
# -----------
#
# For a row :math:`x` of :math:`n` numbers and its reconstruction :math:`\hat{x}` the
# *sum of squared errors* and the *mean squared error* are
#
# .. math:: \mathrm{SSE} = \sum_{i=1}^{n} (x_i - \hat{x}_i)^2, \qquad
#    \mathrm{MSE} = \frac{\mathrm{SSE}}{n}
#
# Why squares? Suppose that every number is the reconstructed one plus noise from a bell
# curve of variance :math:`\sigma^2`, "sigma squared". The *negative log-likelihood*
# measures how improbable the row then is:
#
# .. math:: -\log p(x \mid \hat{x}) =
#    \frac{\mathrm{SSE}}{2\sigma^2} + \frac{n}{2} \log (2\pi\sigma^2)
#
# In words: the squared error in units of twice the variance, plus a price for the width
# of the bell itself. With :math:`\sigma^2` fixed the second part is a constant, so
# least squares *is* maximum likelihood. If :math:`\sigma^2` may be chosen too, the best
# one is the MSE. The natural logarithm gives *nats*; divided by :math:`\log 2` they are
# *bits*.
#
# For numbers between 0 and 1 there is another reading: :math:`\hat{x}_i` is the
# probability of ink. Its negative log-likelihood is the *binary cross-entropy*,
#
# .. math:: \mathrm{BCE} =
#    -\sum_{i=1}^{n} \left[ x_i \log \hat{x}_i + (1 - x_i) \log (1 - \hat{x}_i) \right]
#
# which is also smallest at :math:`\hat{x} = x`. But there it is not zero: it is the
# *entropy* of the pixels, a floor under which no model can go.
#
# The computation
# ---------------
#
# First the point beside the line of chapter 2 and its nearest point, by all of these
# measures.

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.model_selection import train_test_split
from torch.nn import functional

from isthmus import tutorial_recipe
from isthmus.closed_form import (
    bernoulli_entropy,
    gaussian_negative_log_likelihood,
    project,
)
from isthmus.evaluation import explain_loss
from isthmus.tables import load_bundled
from isthmus_course import Lesson

lesson = Lesson(4, "What the loss means", seed=0)

beside = project([2.0, 2.4], direction=[1.0, 0.9])
reading = explain_loss([2.0, 2.4], beside.reconstruction, variance=0.5)
print("squared error, sum and mean:", reading.squared_error, reading.mean_squared_error)
print("nats and bits:", reading.gaussian, reading.gaussian_bits)

# %%
# Then the digits, reconstructed from two numbers by a small network that was trained
# with the mean squared error, five times. Which variance makes the unseen pictures most
# probable?

digits = load_bundled("digits")
X, unseen = train_test_split(
    digits.values, test_size=0.2, random_state=42, stratify=digits.labels
)
by_squares = [tutorial_recipe(2, seed).fit(X) for seed in range(5)]


def mean_square(model):
    """Mean squared error of a grey value, on pictures never seen."""
    return np.mean((unseen - model.reconstruct(unseen)) ** 2)


def best_variance(error):
    """The σ² of the least negative log-likelihood, by search."""

    def cost(log_variance):
        return gaussian_negative_log_likelihood(error, np.exp(log_variance), n=1)

    return np.exp(minimize_scalar(cost, (-5, 0), tol=1e-12).x)


errors = [mean_square(model) for model in by_squares]
variances = [best_variance(error) for error in errors]
print("mean squared errors:", np.round(errors, 4))
print("best variances:     ", np.round(variances, 4))

# %%
lesson.given("example", 0.05)
lesson.exact("sum", reading.squared_error, known=0.36 / 1.81)
lesson.exact("mean", reading.mean_squared_error, known=0.18 / 1.81)
lesson.exact("nats", reading.gaussian, known=0.36 / 1.81 + np.log(np.pi))
lesson.exact("bits", reading.gaussian_bits, known=reading.gaussian / np.log(2))
lesson.exact("pixels", X.shape[1], known=8 * 8)
lesson.within("errors", errors, low=0.038, high=0.056)
lesson.within("sums", [64 * one for one in errors], low=64 * 0.038, high=64 * 0.056)
lesson.within("sigma", np.sqrt(variances), low=0.19, high=0.24)
apart = np.abs(np.array(variances) - errors).max()
lesson.exact("apart", apart, known=0.0, digits=6)

# %%
# .. list-table::
#
#    * - sum of squared errors
#      - {{ sum:.4f }}
#    * - mean squared error (``nn.MSELoss``)
#      - {{ mean:.4f }}
#    * - negative log-likelihood, variance one half
#      - {{ nats:.4f }} nats
#    * - the same
#      - {{ bits:.4f }} bits
#
# For the digits a mean squared error of {{ errors.low:.4f }} to {{ errors.high:.4f }}
# is a sum of {{ sums.low:.2f }} to {{ sums.high:.2f }} a picture, {{ pixels }} times as
# much. The best variance found by search is the mean squared error itself (the
# difference is {{ apart:.0f }} to six decimals): the model says that a grey value it
# drew is off by about {{ sigma.low:.2f }} to {{ sigma.high:.2f }}, where paper is 0 and
# ink is 1.
#
# Now train the same network with cross-entropy, and evaluate all ten by both measures.

by_entropy = [
    tutorial_recipe(2, seed).set_params(likelihood="bernoulli").fit(X)
    for seed in range(5)
]


def mean_cross_entropy(model):
    """Cross-entropy of a grey value in nats, on pictures never seen."""
    reconstructed = torch.tensor(model.reconstruct(unseen))
    return functional.binary_cross_entropy(reconstructed, torch.tensor(unseen)).item()


entropy_errors = [mean_square(model) for model in by_entropy]
entropies = [mean_cross_entropy(model) for model in by_entropy]
floor = bernoulli_entropy(unseen)
print("trained by:       squares                                  cross-entropy")
print("squared errors:  ", np.round(errors, 3), np.round(entropy_errors, 3))
square_entropies = [mean_cross_entropy(model) for model in by_squares]
print("cross-entropies: ", np.round(square_entropies, 3), np.round(entropies, 3))
print("floor of the cross-entropy:", floor)

# %%
target = torch.tensor(unseen)
at_best = functional.binary_cross_entropy(target, target).item()
lesson.exact("floor", floor, known=at_best, digits=8)
lesson.within("entropy_errors", entropy_errors, low=0.038, high=0.06)
lesson.within("entropies", entropies, low=0.33, high=0.4)
lesson.within("square_entropies", square_entropies, low=0.33, high=0.42)
ratio = [np.mean(entropies) / one for one in errors]
lesson.within("ratio", ratio, low=5, high=11)

# %%
# The cross-entropies are {{ entropies.low:.3f }} to {{ entropies.high:.3f }} nats, and
# look {{ ratio.low:.0f }} to {{ ratio.high:.0f }} times as bad as the squared errors of
# the first five. But the pictures are about as good: their mean squared errors are
# {{ entropy_errors.low:.3f }} to {{ entropy_errors.high:.3f }}, and the cross-entropies
# of the first five are {{ square_entropies.low:.3f }} to
# {{ square_entropies.high:.3f }}. A perfect model would still "lose" {{ floor:.4f }}
# nats. *Never compare two runs by losses of different kinds*; evaluate both by one
# measure.
#
# The picture
# -----------
#
# One grey value and what it costs to draw it wrong. Move x̂, what is drawn, and read
# the three losses and their slopes; change the width of the bell. At the bottom is one
# error in every unit in which a training log may print it.

lesson.widget(
    "losses",
    "The three losses of one grey value x over all x̂ that could be drawn for it: "
    "squared error in blue, bell in orange, cross-entropy in the colour of the text, "
    "with tangents at the x̂ chosen. Each is lowest at x̂ = x, but not always zero "
    "there. The last column is the slope that reaches the number before a sigmoid.",
    prompt="Move x̂ away from x, and watch the three losses.",
    x=0.8,
    reconstructed=0.3,
    sigma=0.3,
    mean=0.048,
    n=64,
)

# %%
# An honest failure: a weight that changed its meaning
# ----------------------------------------------------
#
# Add a penalty to the loss, here one for dark drawings: the sum of their squares, with
# the weight λ, "lambda". On paper,
# :math:`\mathrm{SSE} + \lambda \lVert \hat{x} \rVert^2` is smallest at
# :math:`\hat{x} = x / (1 + \lambda)`. Now write it in PyTorch, with either reduction of
# the loss:

picture = torch.tensor(X[0])
LAMBDA = 0.01


def drawn_with(reduction, weight):
    """What descent arrives at, as a share of the picture."""
    reconstructed = torch.zeros(64, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.LBFGS([reconstructed], max_iter=200, tolerance_grad=1e-14)

    def loss():
        descent.zero_grad()
        error = functional.mse_loss(reconstructed, picture, reduction=reduction)
        total = error + weight * (reconstructed**2).sum()
        total.backward()
        return total

    descent.step(loss)
    return (reconstructed.detach() @ picture / (picture @ picture)).item()


print("summed error:            ", drawn_with("sum", LAMBDA))
print("mean error, same weight: ", drawn_with("mean", LAMBDA))
print("mean error, weight / 64: ", drawn_with("mean", LAMBDA / 64))

# %%
# A second failure: a sigmoid keeps a drawing between 0 and 1, but with a squared error
# it may also keep it from learning. The slope of the squared error before the sigmoid
# has a factor :math:`\hat{x}(1 - \hat{x})`, which is nearly zero for a prediction that
# is *confident and wrong*. In the cross-entropy this factor cancels. Here is one pixel
# of full ink, drawn as almost white, and a hundred steps of gradient descent:


def learnt(loss, steps=100):
    """What is drawn after so many steps, from far on the wrong side."""
    before = torch.tensor(-6.0, dtype=torch.float64, requires_grad=True)
    ink = torch.ones((), dtype=torch.float64)
    for _ in range(steps):
        (slope,) = torch.autograd.grad(loss(before.sigmoid(), ink), before)
        before = (before - slope).detach().requires_grad_()
    return before.sigmoid().item()


at_first = 1 / (1 + np.exp(6))
stuck, free = learnt(functional.mse_loss), learnt(functional.binary_cross_entropy)
print("at first:     ", at_first)
print("squares:      ", stuck)
print("cross-entropy:", free)


# %%
def by_hand(factor, steps=100):
    """The same descent from the formulas: slope (x̂ - 1) · factor(x̂)."""
    before = -6.0
    for _ in range(steps):
        drawn = 1 / (1 + np.exp(-before))
        before -= (drawn - 1) * factor(drawn)
    return 1 / (1 + np.exp(-before))


squares_by_hand = by_hand(lambda drawn: 2 * drawn * (1 - drawn))
lesson.given("weight", LAMBDA)
lesson.exact("summed", drawn_with("sum", LAMBDA), known=1 / 1.01, digits=9)
lesson.exact("averaged", drawn_with("mean", LAMBDA), known=1 / 1.64, digits=9)
lesson.exact("right", drawn_with("mean", LAMBDA / 64), known=1 / 1.01, digits=9)
lesson.given("at_first", at_first)
lesson.exact("stuck", stuck, known=squares_by_hand, digits=10)
lesson.exact("free", free, known=by_hand(lambda drawn: 1.0), digits=10)

# %%
# With the summed error and a weight of {{ weight:.2f }}, {{ summed:.1%}} of the
# picture's ink is kept; with the mean, and the same weight, {{ averaged:.1%}}. The
# penalty has become {{ pixels }} times as strong, and no line of the program says so.
# With the weight divided by {{ pixels }} it is {{ right:.1%}} again. A network's
# penalties, and the β of chapter 10, are such weights.
#
# The pixel starts at {{ at_first:.4f }}. After a hundred steps the squared error has
# brought it to {{ stuck:.4f }}, and cross-entropy to {{ free:.4f }}.
#
# Exercise
# --------
#
# Convert a weight without changing its meaning, write the log-likelihood with all its
# parts, and find the variance that fits best. The check integrates your density, which
# must give one.
#
# .. code-block:: console
#
#    $ isthmus learn 4 --start chapter_4.py
#    $ isthmus learn 4 --check chapter_4.py
#
# Next: the best reconstruction is not the best estimate.
