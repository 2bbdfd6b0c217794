r"""
5. Two thermometers
===================

The best reconstruction of the measurements is not the best guess at what was measured.

Two cheap thermometers hang in one room. Both show the true temperature plus an error of
their own; and before looking, you know roughly how warm rooms are. What is the
temperature? Their mean, you may say, and it is the number that reconstructs both
readings best. But someone who also remembers how warm rooms usually are will err less.
In this small world every number of a *variational* autoencoder can be written down, so
nothing in chapter 10 has to be taken on trust.
"""

# %%
# The formula
# -----------
#
# Let :math:`z` be the temperature, measured from that of an average room, and
# :math:`x_1, x_2` the two readings:
#
# .. math:: p(z) = \mathcal{N}(z;\, 0, 1), \qquad p(x_i \mid z) =
#    \mathcal{N}(x_i;\, z, \sigma^2)
#
# Here :math:`\mathcal{N}(z;\, m, v)` is a bell curve around :math:`m` of variance
# :math:`v`; :math:`p(z)`, what is known before reading, is called the *prior*;
# :math:`p(x \mid z)`, pronounced "p of x given z", taken as a function of :math:`z` is
# the *likelihood*. Their product, divided by the area under it, is the *posterior*:
# what is known after reading.
#
# .. math:: p(z \mid x) = \frac{p(x \mid z)\,p(z)}{p(x)} = \mathcal{N}\!\left(z;\;
#    \frac{x_1 + x_2}{2 + \sigma^2},\; \frac{\sigma^2}{2 + \sigma^2}\right)
#
# The area :math:`p(x)`, the *evidence*, is how probable the readings were overall. In
# most models it cannot be computed. But take any bell curve :math:`q(z)` in place of
# the posterior, and let
#
# .. math:: \mathrm{ELBO}(q) = \mathrm{E}_q \log p(x \mid z) -
#    \mathrm{KL}(q \,\Vert\, p(z))
#
# where :math:`\mathrm{E}_q` is the mean over :math:`z` drawn from :math:`q`. KL, the
# *Kullback-Leibler divergence*, measures how far one curve is from another; it is never
# negative, and zero only if they are the same. Then
#
# .. math:: \log p(x) = \mathrm{ELBO}(q) + \mathrm{KL}(q \,\Vert\, p(z \mid x))
#
# so the ELBO, the *evidence lower bound*, is never above :math:`\log p(x)`, and raising
# it brings :math:`q` closer to the posterior, without ever computing the posterior. For
# :math:`q = \mathcal{N}(m, s^2)`
#
# .. math:: \mathrm{KL}(q \,\Vert\, p(z)) = \frac{1}{2} \left( m^2 + s^2 - 1 -
#    \log s^2 \right)
#
# The computation
# ---------------
#
# The readings are {{ x[0]:.1f }} and {{ x[1]:.1f }}, and :math:`\sigma^2` is
# {{ variance:.1f }}.

import numpy as np
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.closed_form import (
    elbo_of_two_measurements,
    gaussian_divergence,
    probabilistic_pca,
    standard_divergence,
    two_measurements,
)
from isthmus_course import Lesson

lesson = Lesson(5, "Two thermometers", seed=0)

x = np.array([1.2, 0.8])
room = two_measurements(x, noise_variance=0.5)
for z in (room.maximum_likelihood, room.posterior_mean):
    print(f"z = {z}: squared error of the readings {room.reconstruction_error(z):.2f}")
print("variance of the posterior:", room.posterior_variance)

# %%
# Which of the two is nearer to the truth? Let rooms be drawn from the prior, readings
# from each room, and count.


def risks(seed, rooms=200_000):
    """Mean squared distance from the truth, of the mean and of the posterior mean."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rooms)
    readings = z + np.sqrt(0.5) * rng.normal(size=(2, rooms))
    by_mean, by_posterior = readings.mean(0), readings.sum(0) / 2.5
    return np.mean((by_mean - z) ** 2), np.mean((by_posterior - z) ** 2)


counted = [risks(seed) for seed in range(5)]
print("mean of the readings:", np.round([mean for mean, _ in counted], 4))
print("posterior mean:      ", np.round([posterior for _, posterior in counted], 4))

# %%
# Now the bound, for two curves: the posterior itself, and the likelihood's own curve,
# which is what someone without a prior would believe.

at_posterior = elbo_of_two_measurements(room, 0.8, 0.2)
at_another = elbo_of_two_measurements(room, 1.0, 0.25)
print("log p(x):           ", room.log_evidence)
print("ELBO at N(0.8, 0.2):", at_posterior.elbo)
print("ELBO at N(1, 0.25): ", at_another.elbo, " gap:", at_another.gap)

# %%


def area(mean, variance):
    """KL(N(mean, variance) ‖ N(0, 1)) by adding up q log q/p."""
    q, p = norm(mean, np.sqrt(variance)), norm()
    ends = (mean - 15 * np.sqrt(variance), mean + 15 * np.sqrt(variance))
    return quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), *ends, epsabs=1e-12)[
        0
    ]


evidence = multivariate_normal([0, 0], [[1.5, 1], [1, 1.5]]).logpdf(x)
lesson.given("x", x)
lesson.given("variance", 0.5)
lesson.exact("mean", room.maximum_likelihood, known=np.mean(x))
lesson.exact("posterior", room.posterior_mean, known=2 / 2.5)
lesson.exact("spread", room.posterior_variance, known=0.5 / 2.5)
lesson.exact("reconstructed", room.reconstruction_error(1.0), known=0.2**2 + 0.2**2)
lesson.exact("reconstructed_after", room.reconstruction_error(0.8), known=0.4**2)
lesson.exact("risk", room.risk_of_maximum_likelihood, known=0.5 / 2)
lesson.exact("risk_after", room.risk_of_posterior_mean, known=0.5 / 2.5)
lesson.within("counted", [mean for mean, _ in counted], low=0.245, high=0.255)
lesson.within("counted_after", [one for _, one in counted], low=0.196, high=0.204)
lesson.exact("evidence", room.log_evidence, known=evidence, digits=10)
lesson.exact("tight", at_posterior.elbo, known=evidence, digits=10)
lesson.exact("kl", standard_divergence(0.8, 0.2), known=area(0.8, 0.2), digits=9)
lesson.exact(
    "other_kl", standard_divergence(1.0, 0.25), known=area(1.0, 0.25), digits=9
)
lesson.exact("elbo", at_another.elbo, known=evidence - at_another.gap, digits=10)
away = gaussian_divergence(1.0, 0.25, 0.8, 0.2)
lesson.exact("gap", evidence - at_another.elbo, known=away, digits=10)

# %%
# .. list-table::
#    :header-rows: 1
#
#    * - estimate
#      - error of the readings
#      - mean squared distance from the truth
#      - counted, {{ counted.seeds }} seeds
#    * - mean of the readings, {{ mean:.1f }}
#      - {{ reconstructed:.2f }}
#      - {{ risk:.2f }}
#      - {{ counted.low:.4f }} to {{ counted.high:.4f }}
#    * - posterior mean, {{ posterior:.1f }}
#      - {{ reconstructed_after:.2f }}
#      - {{ risk_after:.2f }}
#      - {{ counted_after.low:.4f }} to {{ counted_after.high:.4f }}
#
# The order is reversed: the posterior mean has twice the reconstruction error, and is
# closer to the truth. *The best reconstruction is not the best estimate.* The posterior
# is a bell around {{ posterior:.1f }} of variance {{ spread:.1f }}.
#
# The evidence is :math:`\log p(x)` = {{ evidence:.6f }}. At the posterior the bound is
# tight, {{ tight:.6f }}; its divergence from the prior is {{ kl:.6f }} nats. Without
# the prior the divergence is {{ other_kl:.6f }}, the bound {{ elbo:.6f }}, and the gap
# {{ gap:.6f }} is the divergence from the posterior, to ten decimals.
#
# Can this be *learned*? Show a model the readings of many rooms, and nothing else. The
# best line through them is that of equal readings, and a plain autoencoder reconstructs
# a pair as the nearest point on it. A variational one, which has a prior, should shrink
# towards the mean; and it must find the noise by itself.

pairs = np.random.default_rng(0).normal(size=(1000, 2))
pairs = np.linalg.qr(pairs - pairs.mean(0))[0] * np.sqrt(1000)
readings = pairs @ np.linalg.cholesky([[1.5, 1.0], [1.0, 1.5]]).T

plain = Autoencoder(1, hidden_layer_sizes=(), max_iter=0).fit(readings)
with_prior = [
    VariationalAutoencoder(
        1,
        hidden_layer_sizes=(),
        variance="learned",
        max_iter=30,
        validation_fraction=0.0,
        random_state=seed,
    ).fit(readings)
    for seed in range(5)
]
principal = probabilistic_pca(np.cov(readings.T, bias=True), size=1)
by_plain = plain.reconstruct([x])[0]
by_prior = [model.reconstruct([x])[0].mean() for model in with_prior]
noises = [model.noise_variance_ for model in with_prior]
print("autoencoder:            ", by_plain)
print("probabilistic PCA:      ", principal.posterior_mean([x]) @ principal.loading.T)
print("variational, five seeds:", np.round(by_prior, 3))
print("the noise they found:   ", np.round(noises, 3))

# %%
lesson.exact("plain", by_plain.mean(), known=np.mean(x), digits=5)
on_paper = (principal.posterior_mean([x]) @ principal.loading.T).mean()
lesson.exact("principal", on_paper, known=0.8, digits=9)
lesson.within("learnt", by_prior, low=0.77, high=0.83)
lesson.within("noise", noises, low=0.45, high=0.55)

# %%
# The plain autoencoder reconstructs both readings as {{ plain:.1f }}, their mean. PCA
# with a prior, *probabilistic PCA*, gives {{ principal:.1f }} in closed form, and the
# variational autoencoders {{ learnt.low:.3f }} to {{ learnt.high:.3f }}, with a noise
# variance of {{ noise.low:.3f }} to {{ noise.high:.3f }}. Neither the prior nor the
# noise of this chapter was given to them.
#
# The picture
# -----------
#
# Drag the two readings. Drag the top of q: sideways for its mean, up to make it narrow.
# Or let it climb by itself: each step goes up the ELBO, which knows nothing about the
# posterior, and the gap closes.

lesson.widget(
    "thermometers",
    "Prior (dashed), likelihood of the readings (orange), and their product, the "
    "posterior (blue). The curve of the text's colour is q. In the bar below, the mark "
    "is log p(x), blue ends at the ELBO, and the orange gap is KL(q ‖ posterior).",
    prompt="Move q until the orange gap is gone.",
    x=x,
    variance=0.5,
    mean=0.2,
    spread=0.7,
    steps=0,
)

# %%
# An honest failure: a prior that is not true
# -------------------------------------------
#
# The posterior mean is nearer to the truth *on average over rooms as the prior has
# them*. Take one room that is not: a sauna, at :math:`z` = {{ sauna:.0f }}. The mean of
# the readings errs as before. The posterior mean is pulled towards the average room, by
# a factor that no reading can change:

shrinkage = room.shrinkage
truths = np.array([0.0, 1.5, 3.0])
bias, kept = (1 - shrinkage) * truths, shrinkage**2 * room.risk_of_maximum_likelihood
shrunk = bias**2 + kept
even = np.sqrt((1 - shrinkage**2) * 0.25) / (1 - shrinkage)
for z, error in zip(truths, shrunk):
    print(f"z = {z}: the posterior mean errs by {error:.2f}, the mean by 0.25")

# %%


def in_sauna(seed):
    """Mean squared distance of the posterior mean from the sauna's temperature."""
    noise = np.sqrt(0.5) * np.random.default_rng(seed).normal(size=(50_000, 2))
    return np.mean(((3.0 + noise).sum(1) / 2.5 - 3.0) ** 2)


errors = [in_sauna(seed) for seed in range(5)]
lesson.given("sauna", 3.0)
lesson.exact("shrinkage", shrinkage, known=2 / 2.5)
lesson.exact("at_zero", shrunk[0], known=0.16)
lesson.exact("in_sauna", shrunk[2], known=0.36 + 0.16)
lesson.exact("even", even, known=1.5)
lesson.within("counted_sauna", errors, low=0.5, high=0.54)

# %%
# The factor is {{ shrinkage:.1f }}. In the average room the posterior mean errs by only
# {{ at_zero:.2f }}, and in the sauna by {{ in_sauna:.2f }} (counted:
# {{ counted_sauna.low:.3f }} to {{ counted_sauna.high:.3f }}), where the plain mean
# errs by {{ risk:.2f }} in both. Beyond {{ even:.1f }} from the average room the prior
# does harm. It is knowledge when it is true, and prejudice when it is not; a
# variational autoencoder has one too, and rare rows pay for it.
#
# Exercise
# --------
#
# Derive the factor by which the readings' mean must be shrunk. Write the divergence in
# closed form; it is compared with a numerical integral. Then write the bound.
#
# .. code-block:: console
#
#    $ isthmus learn 5 --start chapter_5.py
#    $ isthmus learn 5 --check chapter_5.py
#
# Next: the line may bend.
