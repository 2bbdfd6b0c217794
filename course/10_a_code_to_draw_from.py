r"""
10. A code to draw from
=======================

If the encoder outputs a cloud, and pays for what it conveys, new rows can be drawn.

A plain autoencoder puts its codes wherever it likes, and knows nothing about the places
in between. The *variational* autoencoder, VAE (Kingma and Welling 2013,
arXiv:1312.6114), changes two things. The encoder outputs a cloud of points instead of
one, and the decoder must cope with any of them, so neighbouring codes must mean similar
pictures. And each cloud has a cost, which grows with its distance from one cloud that
was fixed beforehand, so codes stay where they can be found again. Drawing from that
fixed cloud then gives new pictures.
"""

# %%
# The formula
# -----------
#
# For a picture :math:`x` the loss is
#
# .. math::
#
#    \frac{1}{2\sigma_x^2}\; \mathrm{E}\, \lVert x - g(z) \rVert^2
#    \;+\; \mathrm{KL}, \qquad z = \mu + \sigma \odot \varepsilon,
#    \quad \varepsilon \sim \mathcal{N}(0, I)
#
# In words: for each number of the code the encoder outputs two, the centre :math:`\mu`
# of a cloud and its width :math:`\sigma`. A code :math:`z` is drawn by taking standard
# normal noise :math:`\varepsilon`, scaling it entry by entry (:math:`\odot`) and
# shifting it. The decoder :math:`g` draws a picture from it, and the squared error is
# averaged over draws, which is what the E says. :math:`\sigma_x^2` is the variance of a
# grey value around the drawn one: how exact the decoder is assumed to be. The second
# term, the *divergence* from the *prior* :math:`\mathcal{N}(0, I)`, the round cloud of
# independent standard normal numbers, is the price of the cloud, in nats:
#
# .. math::
#
#    \mathrm{KL} = \frac{1}{2} \sum_j \left(
#    \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \right)
#
# summed over the numbers :math:`j` of the code. It is zero for the prior itself,
# :math:`\mu = 0` and :math:`\sigma = 1`: a cloud that says nothing about :math:`x`
# costs nothing. Up to a constant the loss is the negative *evidence lower bound* of
# chapter 5, now with a network for the encoder.
#
# The computation
# ---------------
#
# First the price alone. The formula says what N({{ m:.1f }}, {{ v:.1f }}) costs;
# numerical integration gives the same, and so, approximately, do a few thousand random
# draws.

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

import isthmus
from isthmus.closed_form import beta_of_variance, standard_divergence
from isthmus.tables import load_bundled
from isthmus_course import Lesson
from isthmus_course.moving import decoder_state

lesson = Lesson(10, "A code to draw from", seed=0)

price = standard_divergence(0.8, 0.2)
cloud, prior = norm(0.8, np.sqrt(0.2)), norm(0, 1)


def surprise(z):
    """How much likelier z is under the cloud than under the prior, in nats."""
    return cloud.logpdf(z) - prior.logpdf(z)


integral = quad(lambda z: cloud.pdf(z) * surprise(z), -8, 8, epsabs=1e-12)[0]
drawn = [surprise(cloud.rvs(20_000, random_state=s)).mean() for s in range(5)]
print("paper:", price, " integral:", integral)
print("drawn:", np.round(drawn, 4))

# %%
lesson.given("m", 0.8)
lesson.given("v", 0.2)
lesson.exact("price", price, known=integral, digits=9)
lesson.within("drawn", drawn, low=0.70, high=0.75)

# %%
# The price is {{ price:.6f }} nats; five sets of {{ many:,}} draws give
# {{ drawn.low:.3f }} to {{ drawn.high:.3f }}.
#
# Then the models. All have two latents and the same layers, and differ in
# :math:`\sigma_x^2` alone. It can be *learned* with the rest, which is the default. Or
# it is fixed, on purpose or not: a loss written as summed squared error plus KL means
# {{ if_summed:g }}, and one with a *mean* over 64 pixels, ``mse + kl``, means
# {{ if_averaged:g }}.

digits = load_bundled("digits")
X, unseen, kinds, _ = train_test_split(
    digits.values, digits.labels, test_size=0.2, random_state=0, stratify=digits.labels
)
LAYERS = (64, 64)


def fit(variance, seed):
    """A variational autoencoder with two numbers."""
    return isthmus.VariationalAutoencoder(
        2, variance=variance, hidden_layer_sizes=LAYERS, refit=False, random_state=seed
    ).fit(X)


def figures(model):
    """Error of a grey value, nats, numbers in use, distance of draws from digits."""
    report = model.latent_report(unseen)
    error = np.mean((unseen - model.reconstruct(unseen)) ** 2)
    new = model.sample(len(unseen), 0, codes="prior")  # decoded draws from the prior
    apart = isthmus.compare_samples(new, unseen).energy_distance
    return error, float(report.kl.sum()), report.active_units, apart


variances = {"learned": "learned", "summed": 0.5, "mse + kl": 32.0}
models = {name: [fit(v, seed) for seed in range(5)] for name, v in variances.items()}
told = {name: np.array([figures(m) for m in fits]) for name, fits in models.items()}
for name, rows in told.items():
    print(f"{name:9} error {rows[:, 0].round(4)}  nats {rows[:, 1].round(2)}")

# %%
# The bound itself, in nats per picture, is compared with that of *probabilistic PCA*,
# the best linear model of this kind. And how good are digits drawn from the prior?
# Their *energy distance* from real ones is zero only for equal distributions. For
# comparison, codes drawn in the same way are decoded by a plain autoencoder.

evaluations = [isthmus.evaluate(model, unseen) for model in models["learned"]]
bounds = [e.nats_per_row for e in evaluations]
linear = [e.pca_nats_per_row for e in evaluations]
pca_error = evaluations[0].data.pca.mse

noise = np.random.default_rng(0).standard_normal((len(unseen), 2))
plain = [
    isthmus.Autoencoder(
        2, hidden_layer_sizes=LAYERS, polish=0, refit=False, random_state=seed
    ).fit(X)
    for seed in range(5)
]
plain_apart = [
    isthmus.compare_samples(model.inverse_transform(noise), unseen).energy_distance
    for model in plain
]
print("bound:", np.round(bounds, 1), " probabilistic PCA:", np.round(linear, 1))
print("drawn from the prior, VAE:  ", told["learned"][:, 3].round(3))
print("drawn from the prior, plain:", np.round(plain_apart, 3))

# %%
learned, summed, collapsed = told.values()
by_variance = [model.noise_variance_ for model in models["learned"]]
spread = [model.latent_report(unseen) for model in models["learned"]]
filled = [float((one.mean_variance + one.posterior_variance).mean()) for one in spread]
mean_error = np.mean((unseen - X.mean(0)) ** 2)
centred, directions = unseen - X.mean(0), np.linalg.svd(X - X.mean(0))[2][:2]
lost = centred - centred @ directions.T @ directions

lesson.given("many", 20_000)
lesson.exact("if_summed", variances["summed"], known=1 / 2)  # 1 / (2 σ²) is 1
lesson.exact("if_averaged", variances["mse + kl"], known=64 / 2)  # 1 / (2 σ²) is 1 / 64
lesson.exact("pca", pca_error, known=np.mean(lost**2), digits=6)
lesson.exact(
    "mean_drawn", mean_error, known=np.mean(unseen.var(0) + centred.mean(0) ** 2)
)
lesson.within("error", learned[:, 0], low=0.027, high=0.037)
lesson.within("nats", learned[:, 1], low=4.8, high=6.8)
lesson.within("sigma", by_variance, low=0.022, high=0.034)
lesson.within("error_summed", summed[:, 0], low=0.056, high=0.066)
lesson.within("nats_summed", summed[:, 1], low=0.3, high=0.6)
lesson.within("error_collapsed", collapsed[:, 0], low=0.0735, high=0.0745)
lesson.within("nats_collapsed", collapsed[:, 1], low=0.0, high=0.005)
lesson.holds("active", learned[:, 2] == 2, "both latents are in use")
lesson.holds("dead", collapsed[:, 2] == 0, "no number of the collapsed code is in use")
lesson.holds("above_pca", summed[:, 0] > pca_error, "the summed loss loses to PCA")
lesson.within("bound", bounds, low=11.5, high=15)
lesson.within("linear", linear, low=-1, high=0)
lesson.within("apart", learned[:, 3], low=0.12, high=0.32)
lesson.within("plain_apart", plain_apart, low=0.35, high=1.0)
lesson.holds(
    "nearer",
    learned[:, 3] < plain_apart,
    "the VAE's draws from the prior are nearer to digits than the plain decoder's",
)
lesson.within("filled", filled, low=1.9, high=3.0)
dense = [m.sample(len(unseen), 0, codes="density") for m in models["learned"]]
dense_apart = [isthmus.compare_samples(new, unseen).energy_distance for new in dense]
lesson.within("dense_apart", dense_apart, low=0.0, high=0.12)

# %%
# Both latents are in use at each of {{ active }} seeds, and carry {{ nats.low:.1f }} to
# {{ nats.high:.1f }} nats per picture. The error of a grey value is {{ error.low:.4f }}
# to {{ error.high:.4f }}, where PCA leaves {{ pca:.4f }}; the bound is
# {{ bound.low:.1f }} to {{ bound.high:.1f }} nats, that of probabilistic PCA
# {{ linear.mean:.1f }}. Digits drawn from the prior are {{ apart.low:.2f }} to
# {{ apart.high:.2f }} from real ones, those of the plain decoder
# {{ plain_apart.low:.2f }} to {{ plain_apart.high:.2f }}; the VAE is nearer at each of
# {{ nearer }} seeds.
#
# **Are they new?** A model that memorized its digits would pass that test too. So
# measure how far a draw is from the nearest training digit, relative to how far an
# unseen digit is. For comparison, do the same for a cheat that returns training digits.

tries = [
    isthmus.compare_samples(model.sample(len(unseen), 0, codes="prior"), unseen, X)
    for model in models["learned"]
]
cheat = isthmus.compare_samples(X[: len(unseen)], unseen, X)
print("draws:", np.round([one.distance_ratio for one in tries], 3))
print("cheat:", cheat.distance_ratio, " energy distance:", cheat.energy_distance)

# %%
lesson.within("ratio", [one.distance_ratio for one in tries], low=0.95, high=1.15)
lesson.within("copies", [one.copies for one in tries], low=0, high=0.01)
lesson.exact("cheat", cheat.distance_ratio, known=0)
lesson.exact("cheat_copies", cheat.copies, known=1)
told_apart = [one.nearest_neighbour_accuracy for one in tries]
lesson.within("told_apart", told_apart, low=0.75, high=0.92)

# %%
# Draws are {{ ratio.low:.2f }} to {{ ratio.high:.2f }} times as far from the nearest
# training digit as unseen digits are, and {{ copies.high:.0%}} of them are copies; for
# the cheat it is {{ cheat:.0f }} times and {{ cheat_copies:.0%}}. So the draws are new.
# They are not perfect: among draws and digits mixed, a picture's nearest neighbour
# reveals which of the two it is for {{ told_apart.low:.0%}} to
# {{ told_apart.high:.0%}}, where guessing gives one half.
#
# **A test that does not work.** A more obvious measure than the energy distance would
# be a draw's mean distance from its five nearest training digits. Here it is for five
# sets of a hundred draws from each fit, and for the same draws through the plain
# decoders.

near = NearestNeighbors(n_neighbors=5).fit(X)
lots = [np.random.default_rng(lot).standard_normal((100, 2)) for lot in range(5)]


def far(rows):
    """Mean distance of each row from its five nearest training digits."""
    return near.kneighbors(rows)[0].mean(1)


def effect(one, other):
    """How much nearer one model's draws are, in units of the draws' spread."""
    ours, theirs = (
        np.array([far(model.inverse_transform(lot)) for lot in lots])
        for model in (one, other)
    )
    spread = np.sqrt((ours.var(1) + theirs.var(1)) / 2)
    return (theirs.mean(1) - ours.mean(1)) / spread


effects = np.array([effect(*pair) for pair in zip(models["learned"], plain)])
draws = [
    far(model.sample(len(unseen), 0, codes="prior")).mean()
    for model in models["learned"]
]
print("nearer by, in spreads, a row for each fit:")
print(effects.round(2))
print("draws:", np.round(draws, 2), " digits never seen:", far(unseen).mean().round(2))

# %%
by_sorting = np.sort(np.linalg.norm(unseen[:, None] - X, axis=2), axis=1)[:, :5].mean()
lesson.within("effect", effects.ravel(), low=-0.4, high=0.9)
lesson.within("far", draws, low=1.05, high=1.23)
lesson.exact("far_unseen", far(unseen).mean(), known=by_sorting, digits=9)
lesson.holds(
    "flattered",
    [one < by_sorting for one in draws],
    "draws are nearer to their five nearest digits than digits never seen are",
)

# %%
# The VAE's draws are nearer by {{ effect.low:.2f }} to {{ effect.high:.2f }} of their
# spread, on average by {{ effect.mean:.2f }}: a hundred draws do not settle it. And
# unseen digits, which nothing should beat, are at {{ far_unseen:.2f }}, *farther* away
# than the VAE's draws at {{ far.low:.2f }} to {{ far.high:.2f }}, at each of
# {{ flattered }} seeds. Distance from the nearest digits rewards a draw for being
# smooth and common. So the exercise uses the energy distance, which compares all draws
# with all digits and is smallest when their distributions are the same.
#
# **Why the noise stays outside.** A random draw has no slope. Written as
# :math:`\mu + \sigma \odot \varepsilon`, all the randomness is in :math:`\varepsilon`,
# and for a given :math:`\varepsilon` the loss is a smooth function of :math:`\mu` and
# :math:`\sigma`. Its slope by automatic differentiation then agrees with what a small
# change of either number shows:

model = models["learned"][0]
decoder, x = model.decoder.to_torch().double(), torch.tensor(unseen[0])
epsilon = torch.randn(64, 2, generator=torch.Generator().manual_seed(0)).double()


def squared_error(cloud):
    """Mean over the draws of the squared error; cloud is (μ₁, μ₂, σ₁, σ₂)."""
    return (x - decoder(cloud[:2] + cloud[2:] * epsilon)).square().sum(1).mean()


at = torch.tensor([0.5, -0.5, 0.3, 0.2], dtype=torch.float64, requires_grad=True)
slope = torch.autograd.grad(squared_error(at), at)[0].numpy()
nudges = 1e-5 * torch.eye(4, dtype=torch.float64)
with torch.no_grad():
    up = torch.stack([squared_error(at + nudge) for nudge in nudges])
    down = torch.stack([squared_error(at - nudge) for nudge in nudges])
lesson.exact("slope", slope, known=((up - down) / 2e-5).numpy(), digits=6)
print("slope in μ₁, μ₂, σ₁, σ₂:", slope.round(4))

# %%
# The largest of the four differences is under a millionth; the slope in
# :math:`\sigma_1`, say, is {{ slope[2]:.3f }}.
#
# The picture
# -----------
#
# The cloud of one three, on the plane of codes; the rings are the prior's first and
# second standard deviations. Drag its centre, or its corner, which is one width away:
# the eight draws move along, since their noise is fixed. Their decoded pictures are
# beside the plane, with the price of this cloud below. The slider goes through seven
# trained models, from a decoder assumed to be exact to one assumed to be hopeless.

settings = [0.01, 0.017, "learned", 0.08, 0.2, 0.5, 32.0]
at_seed_0 = {"learned": models["learned"][0], 0.5: models["summed"][0]}
at_seed_0[32.0] = models["mse + kl"][0]
fits = [at_seed_0[v] if v in at_seed_0 else fit(v, 0) for v in settings]
three = np.flatnonzero(kinds.astype(int) == 3)[0]
shown = np.random.default_rng(0).permutation(len(X))[:150]


def as_shown(model):
    """What the picture knows of a model."""
    error, nats = figures(model)[:2]
    width = model.latent_report(X[[three]]).posterior_variance.sqrt().numpy()
    return {
        "variance": float(model.noise_variance_),
        "error": error,
        "nats": nats,
        "kl": model.latent_report(unseen).kl.numpy().round(4),
        "codes": model.transform(X[shown]).round(3),
        "mean": model.transform(X[[three]])[0].round(4),
        "width": width.round(4),
        "decoder": decoder_state(model),
    }


lesson.widget(
    "cloud",
    "The codes of 150 digits (dots, coloured by class), the prior (rings), and the "
    "cloud of one three with eight draws from it. The three, and what the draws decode "
    "to. The seven models: nats paid for a code, and the error that remains.",
    prompt="Change the weight of the divergence, and watch the clouds.",
    models=[as_shown(model) for model in fits],
    labels=kinds[shown].astype(int),
    picture=X[three].round(4),
    noise=np.random.default_rng(1).standard_normal((8, 2)).round(3),
    pca=pca_error,
    learned=2,
    k=2,
    mean=None,
    width=None,
)

# %%
# An honest failure: mse + kl
# ---------------------------
#
# The two terms are in balance only if both are sums. Multiply the loss by
# :math:`2\sigma_x^2`, and it is the squared error plus :math:`\beta` times KL with
# :math:`\beta = 2\sigma_x^2`: the variance of the decoder *is* the weight of the price.
# The learned :math:`\sigma_x` is {{ sigma.low:.3f }} to {{ sigma.high:.3f }}. In a loss
# whose error is a mean over 64 pixels, the equivalent weight is {{ beta.low:.5f }} to
# {{ beta.high:.5f }}, and writing ``mse + kl`` asks for {{ times.low:.0f }} to
# {{ times.high:.0f }} times as much. No cloud is worth that. The best answer is then
# the prior for every picture, for which the decoder can only draw the mean: *posterior
# collapse*.
#
# .. list-table::
#    :header-rows: 1
#
#    * - loss
#      - nats per picture
#      - error of a grey value
#    * - variance learned
#      - {{ nats.low:.2f }} to {{ nats.high:.2f }}
#      - {{ error.low:.4f }} to {{ error.high:.4f }}
#    * - summed error + KL
#      - {{ nats_summed.low:.2f }} to {{ nats_summed.high:.2f }}
#      - {{ error_summed.low:.4f }} to {{ error_summed.high:.4f }}
#    * - ``mse + kl``
#      - {{ nats_collapsed.low:.3f }} to {{ nats_collapsed.high:.3f }}
#      - {{ error_collapsed.low:.4f }} to {{ error_collapsed.high:.4f }}
#    * - (PCA; the mean picture)
#      -
#      - {{ pca:.4f }}; {{ mean_drawn:.4f }}
#
# The collapse is complete at each of {{ dead }} seeds, and the summed loss, which looks
# innocent, is above PCA at each of {{ above_pca }}. Nothing warns of it: both trainings
# converge, and the loss looks fine.
#
# The working case deserves a second look too. If its clouds together filled the prior,
# their variance would be 1; it is {{ filled.low:.1f }} to {{ filled.high:.1f }}. With
# two numbers for 64, a lower error is worth more nats than staying close to the prior.
# Draws from the prior therefore favour the middle of the plane, and
# ``sample(codes="density")``, which draws where codes are, comes nearer to the data:
# {{ dense_apart.low:.2f }} to {{ dense_apart.high:.2f }}.

betas = [beta_of_variance(variance, n_averaged=64) for variance in by_variance]
times = [1 / beta for beta in betas]
lesson.within("beta", betas, low=0.0006, high=0.0012)
lesson.within("times", times, low=900, high=1600)

# %%
# Exercise
# --------
#
# A run has collapsed: repair it, and write the function that draws new rows from the
# prior. The check tests whether both latents are in use, and whether your draws are
# nearer to digits than a plain autoencoder's from the same noise.
#
# .. code-block:: console
#
#    $ isthmus learn 10 --start chapter_10.py
#    $ isthmus learn 10 --check chapter_10.py
#
# Next: codes at work.
