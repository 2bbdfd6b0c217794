r"""
3. Learning the line
====================

Gradient descent finds the line of PCA, but neither its scale nor its axes.

So far the line was given. Now only points are given, and encoder and decoder start with
random weights. Reconstruct all points, sum the errors, and change every weight a little
in the direction that makes the sum smaller; again and again. This is all that
"training" means. It knows nothing about lines or axes and only walks downhill. Where
does it arrive?
"""

# %%
# The formula
# -----------
#
# Let :math:`E`, the encoder, be a matrix that makes :math:`p` numbers out of :math:`n`,
# and :math:`D`, the decoder, one that makes :math:`n` of :math:`p`. The loss over all
# points :math:`x_i`, counted from their mean, is
#
# .. math:: L(E, D) = \sum_i \lVert r_i \rVert^2, \qquad
#    r_i = x_i - D\,z_i, \qquad z_i = E\,x_i
#
# where :math:`z_i` is the code and :math:`r_i` the residual, what is lost of the point.
# The *gradient* says how fast the loss rises along each weight, and one step of
# *gradient descent* goes a little against it:
#
# .. math:: \nabla_{\!D} L = -2 \sum_i r_i\,z_i^\top, \qquad
#    \nabla_{\!E} L = -2\,D^\top \sum_i r_i\,x_i^\top, \qquad
#    D \leftarrow D - \eta\,\nabla_{\!D} L
#
# The sign :math:`\nabla`, pronounced "nabla", is the gradient; :math:`\eta`, pronounced
# "eta", is the *learning rate*, how large "a little" is; and :math:`E` is updated in
# the same way. Different weights can have the same loss. For every invertible matrix
# :math:`A`,
#
# .. math:: (D A)(A^{-1} E) = D E
#
# so :math:`A^{-1} E` and :math:`D A` reconstruct every point exactly as :math:`E` and
# :math:`D` do, from quite different codes. What *is* determined is the set of points
# the decoder can reach: a line for :math:`p = 1`, a plane for :math:`p = 2`, in general
# a *subspace*. Baldi and Hornik proved in 1989 that the best one is PCA's, and that
# there is no other valley: wherever else the slope is zero there is a saddle, from
# which some way leads down.
#
# The computation
# ---------------
#
# A cloud along the line of slope {{ slope:.1f }}, with noise of the same size in both
# coordinates. The sample is adjusted to have exactly the intended variances, so PCA's
# line is known on paper.

import numpy as np
import torch
from scipy.linalg import subspace_angles
from torch import nn

from isthmus import Autoencoder
from isthmus.closed_form import principal_axis_slope, regression_slope
from isthmus.tables import load_bundled
from isthmus_course import Lesson

lesson = Lesson(3, "Learning the line", seed=0)


def draws(rows):
    """Three columns of exactly mean 0, variance 1 and no correlation."""
    drawn = np.random.default_rng(0).normal(size=(rows, 3))
    return np.linalg.qr(drawn - drawn.mean(0))[0] * np.sqrt(rows)


def cloud(noise1, noise2, rows=400):
    """Points along the line, with noise of these sizes in the two coordinates."""
    along, first, second = draws(rows).T
    return np.column_stack([along + noise1 * first, 0.9 * along + noise2 * second])


def train(X, seed):
    """A linear autoencoder with random first weights, trained on all of X."""
    settings = {"max_iter": 300, "learning_rate": 0.01, "validation_fraction": 0.0}
    model = Autoencoder(
        1, hidden_layer_sizes=(), start="random", random_state=seed, **settings
    )
    return model.fit(X)


def direction(model):
    """How the reconstructed point moves when the code grows by one."""
    return (model.inverse_transform([[1.0]]) - model.inverse_transform([[0.0]]))[0]


def slope(model):
    """Rise over run of the line that the decoder draws."""
    return direction(model)[1] / direction(model)[0]


X = cloud(0.3, 0.3)
covariance = np.cov(X.T, bias=True)
axis = np.linalg.eigh(covariance)[1][:, -1]
models = [train(X, seed) for seed in range(5)]
slopes = [slope(model) for model in models]
angles = [subspace_angles(direction(one)[:, None], axis[:, None])[0] for one in models]
print("PCA's slope:    ", principal_axis_slope(covariance))
print("learnt slopes:  ", np.round(slopes, 4))
print("angles (radian):", np.round(angles, 5))

# %%
lesson.given("slope", 0.9)
lesson.given("noise", 0.3)
lesson.exact("pca", principal_axis_slope(covariance), known=0.9)
lesson.within("slopes", slopes, low=0.897, high=0.903)
lesson.within("angle", angles, low=0.0, high=1e-3)

# %%
# At {{ slopes.seeds }} seeds the learnt slopes are {{ slopes.low:.4f }} to
# {{ slopes.high:.4f }}, where PCA has {{ pca:.4f }}; the largest angle between a learnt
# line and PCA's is {{ angle.high:.4f }} radian. Downhill leads to PCA.
#
# Now the other half of the claim, on digits and with two numbers. Here is gradient
# descent written out in PyTorch, five times:

digits = load_bundled("digits").values
digits = digits - digits.mean(0)
directions = np.linalg.svd(digits, full_matrices=False)[2][:2]


def walk(seed, steps=400):
    """Encoder, decoder and loss per row after so many steps from random weights."""
    torch.manual_seed(seed)
    x = torch.tensor(digits, dtype=torch.float32)
    encoder, decoder = nn.Linear(64, 2, bias=False), nn.Linear(2, 64, bias=False)
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    for _ in range(steps):
        loss = ((x - decoder(encoder(x))) ** 2).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return encoder.weight.detach().numpy(), decoder.weight.detach().numpy(), loss.item()


def correlation(codes):
    """That of the first number of the code and the second, without its sign."""
    return abs(np.corrcoef(codes.T)[0, 1])


walks = [walk(seed) for seed in range(5)]
losses = [loss for _, _, loss in walks]
raw = [correlation(digits @ encoder.T) for encoder, _, _ in walks]
planes = [subspace_angles(decoder, directions.T)[0] for _, decoder, _ in walks]
print("losses:      ", np.round(losses, 5))
print("correlations:", np.round(raw, 3))

# %%
# A random matrix A shows the same directly: PCA's own weights, and those weights with A
# in between, have the same loss and two different codes.

A = np.random.default_rng(1).normal(size=(2, 2))
before, after = digits @ directions.T, digits @ directions.T @ np.linalg.inv(A).T
lost = np.sum((digits - before @ directions) ** 2) / len(digits)
lost_too = np.sum((digits - after @ (directions.T @ A).T) ** 2) / len(digits)
print("loss:", lost, "and with A between:", lost_too)

# %%
spectrum = np.linalg.eigvalsh(np.cov(digits.T, bias=True))
lesson.exact("lost", lost, known=spectrum[:-2].sum(), digits=10)
lesson.exact("lost_too", lost_too, known=lost, digits=10)
lesson.exact("pca_correlation", correlation(before), known=0.0)
lesson.given("A_correlation", correlation(after))
lesson.within("losses", losses, low=lost - 1e-4, high=1.001 * lost)
lesson.within("plane", planes, low=0.0, high=0.02)
lesson.within("raw", raw, low=1e-5, high=0.9)

# %%
# All five end at the loss of PCA, {{ lost:.4f }} per digit (they reach
# {{ losses.low:.4f }} to {{ losses.high:.4f }}), and in its plane (the largest angle is
# {{ plane.high:.3f }} radian). But the two numbers of PCA's code are uncorrelated,
# {{ pca_correlation:.0f }}, and those of the trained ones have correlations of
# {{ raw.low:.3f }} to {{ raw.high:.3f }}, depending on the seed. With A in between the
# loss is {{ lost_too:.4f }} and the correlation {{ A_correlation:.2f }}. *An axis of
# such a code has no meaning*, neither its direction nor its sign nor its unit.
#
# .. note::
#
#    isthmus rotates the code after training, so its dimensions are uncorrelated, in
#    order of variance, with directions of length one: a *choice* among all A, made
#    because something must be chosen. Chapter 8 reads maps with this in mind.
#
# The picture
# -----------
#
# Turn the line by dragging its end, or with the arrow keys, and watch the ball in the
# landscape below. Then let it roll downhill. Try starting on the ridge, at a right
# angle to the best line: there the slope is zero, and the ball stays.

lesson.widget(
    "valley",
    "A line through the cloud, what it loses (orange), and regression's line (dashed). "
    "Below, the loss for every direction of the line: two valleys, since a line turned "
    "by half a circle is the same line, and two ridges. The marks along the line are "
    "the codes −2 to 2; multiplying by A moves the marks and nothing else.",
    prompt="Turn the line, and find the bottom of the valley.",
    draws=draws(60).round(4),
    noise1=0.3,
    noise2=0.3,
    angle=115,
    steps=0,
    gauge=0,
)

# %%
# An honest failure: the best line is not the true one
# ----------------------------------------------------
#
# Put all the noise into the second coordinate, as when a known quantity is measured
# with noise. An autoencoder minimizes the *perpendicular* distance to its line, and
# regression the *vertical* one:

learnt, regressed = [], []
for noise in (0.1, 0.3, 0.5):
    upright = np.cov(cloud(0.0, noise).T, bias=True)
    learnt.append(principal_axis_slope(upright))
    regressed.append(regression_slope(upright))
print("perpendicular:", np.round(learnt, 3), " vertical:", np.round(regressed, 3))
trained = [slope(train(cloud(0.0, 0.5), seed)) for seed in range(5)]
print("trained, at the largest noise:", np.round(trained, 3))

# %%
# A second failure comes from one forgotten line of code. The loss measures points *from
# their mean*, and a network does so by its biases. Leave these out, move the cloud ten
# units to the right, and the best line through the origin is busy pointing at the
# cloud:

moved = cloud(0.3, 0.3) + np.array([10.0, 0.0])
through_origin = np.linalg.svd(moved, full_matrices=False)[2][0]
residual = moved - moved @ np.outer(through_origin, through_origin)
origin_loss = np.sum(residual**2) / len(moved)
centred_loss = np.linalg.eigvalsh(covariance)[0]
with_biases = [slope(train(moved, seed)) for seed in range(5)]
print("loss without biases:", origin_loss, " with:", centred_loss)

# %%
vertical = [0.81 + noise**2 - 1 for noise in (0.1, 0.3, 0.5)]
on_paper = [(gap + np.sqrt(gap**2 + 4 * 0.81)) / 1.8 for gap in vertical]
lesson.exact("learnt", learnt, known=on_paper)
lesson.exact("regressed", regressed, known=[0.9, 0.9, 0.9])
lesson.exact("flat", regression_slope(covariance), known=0.9 / 1.09)
lesson.within("trained", trained, low=1.02, high=1.05)
trace, determinant = 101.09 + 0.9, 101.09 * 0.9 - 0.81
smaller = (trace - np.sqrt(trace**2 - 4 * determinant)) / 2
lesson.exact("centred_loss", centred_loss, known=0.09)
lesson.exact("origin_loss", origin_loss, known=smaller, digits=10)
origin_slope = through_origin[1] / through_origin[0]
tilt = 0.9 / (101.09 - smaller)
lesson.exact("origin_slope", origin_slope, known=tilt, digits=10)
lesson.within("with_biases", with_biases, low=0.87, high=0.93)

# %%
# The true slope is {{ slope:.1f }} each time. As the noise grows, the perpendicular
# line has the slopes {{ learnt[0]:.3f }}, {{ learnt[1]:.3f }} and {{ learnt[2]:.3f }}
# (trained on the last: {{ trained.low:.3f }} to {{ trained.high:.3f }}), the vertical
# one {{ regressed[2]:.1f }} at every noise. With equal noise of {{ noise:.1f }} in both
# coordinates it is the other way round: the autoencoder is right, with {{ pca:.1f }},
# and regression's line too flat, with {{ flat:.3f }}. Neither is *the* line through
# points; each answers its own question.
#
# Without biases the loss of the moved cloud is {{ origin_loss:.3f }} a point, not
# {{ centred_loss:.2f }}, and the line has slope {{ origin_slope:.3f }}. With them the
# slope is {{ with_biases.low:.3f }} to {{ with_biases.high:.3f }}, as if the cloud had
# never been moved.
#
# Exercise
# --------
#
# Write the gradient. It is checked the way every gradient should be checked: by moving
# one weight a little and watching the loss. Then find the A that gives any trained
# linear autoencoder the axes of PCA.
#
# .. code-block:: console
#
#    $ isthmus learn 3 --start chapter_3.py
#    $ isthmus learn 3 --check chapter_3.py
#
# Next: what the loss that we have been minimizing means.
