r"""
9. Four other constraints
=========================

A narrow code is one way to keep a network from copying; there are four others.

So far a code was good because it was *small*. But a small code is only a means. The
goal is that the network learns what its pictures have in common and cannot simply copy
them. One can also ask that few latents be active at a time; that a picture be recovered
from noise; that the code hardly move when the picture does; or that the codes fill a
cloud of a known shape. Each of these adds one term, or one step, to training, and each
changes the *code* in its own way.
"""

# %%
# The formula
# -----------
#
# Let :math:`f` be the encoder, :math:`g` the decoder, :math:`z = f(x)` the code of a
# picture :math:`x`, and :math:`\lVert x - g(z) \rVert^2` the squared error summed over
# its pixels. A weight :math:`\lambda` says how much a constraint counts.
#
# **Sparse**: the absolute values of all code numbers :math:`z_j` are penalized.
#
# .. math:: \lVert x - g(z) \rVert^2 + \lambda \sum_j |z_j|
#
# **Denoising**: the encoder sees the picture with noise :math:`e` of strength
# :math:`\sigma`, drawn again each time, and the clean picture is the target.
#
# .. math:: \lVert x - g(f(x + \sigma e)) \rVert^2
#
# **Contractive**: how fast each code number moves with each grey value :math:`x_i`, the
# slope :math:`\partial z_j / \partial x_i`, is penalized by its square.
#
# .. math::
#
#    \lVert x - g(z) \rVert^2
#    + \lambda \sum_{i,j} \left( \frac{\partial z_j}{\partial x_i} \right)^2
#
# **Variational**: the encoder outputs a mean :math:`m` and a width :math:`s`, and the
# code is drawn from that cloud; :math:`\odot` multiplies entry by entry,
# :math:`\sigma_x^2` is the decoder's variance, and :math:`D` the divergence from the
# standard normal distribution. Chapter 10 is about it alone.
#
# .. math::
#
#    \frac{\lVert x - g(m + s \odot e) \rVert^2}{2 \sigma_x^2} + D(m, s)
#
# For *denoising* the best possible answer is known. It is the mean of all clean points
# that the noisy one, :math:`\tilde{x}`, could have come from, and it lies uphill:
#
# .. math::
#
#    r(\tilde{x}) - \tilde{x} = \sigma^2\, \nabla \log p_\sigma(\tilde{x})
#
# Here :math:`r = g \circ f` is the whole network, :math:`p_\sigma` the density of noisy
# points, and :math:`\nabla \log p_\sigma`, called the *score*, the direction in which
# that density grows fastest. What was trained to remove noise has learned the shape of
# the data.
#
# The computation
# ---------------
#
# Is that true? Take points whose density is known: {{ heaps }} round clusters on a
# ring. Then the score can be written down and compared with the network's arrows. The
# code has two numbers for points with two coordinates: there is no bottleneck here.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.model_selection import train_test_split

import isthmus
from isthmus.tables import load_bundled
from isthmus_course import Lesson
from isthmus_course.moving import decoder_state, encoder_state

lesson = Lesson(9, "Four other constraints", seed=0)

angle = 2 * np.pi * np.arange(12) / 12
heaps, width = 2 * np.column_stack([np.cos(angle), np.sin(angle)]), 0.3
rng = np.random.default_rng(0)
points = heaps[rng.integers(12, size=5000)] + width * rng.normal(size=(5000, 2))


def score(x, level):
    """The gradient of the log density of noisy points, at the places x."""
    variance = width**2 + level**2
    to = heaps - x[:, None]
    weight = np.exp(-np.sum(to**2, axis=2) / (2 * variance))
    weight /= weight.sum(1, keepdims=True)
    return np.sum(weight[:, :, None] * to, axis=1) / variance


def denoiser(level, seed):
    """Trained to take noise of this strength off the points."""
    return isthmus.DenoisingAutoencoder(
        2,
        polish=0,
        refit=False,
        corruption_level=level,
        restoring=True,  # the level is in the units of the points
        hidden_layer_sizes=(32, 32),
        max_iter=100,
        weight_decay=0.0,
        validation_fraction=0.0,
        random_state=seed,
    ).fit(points)


noisy = heaps[rng.integers(12, size=2000)]
noisy = noisy + np.hypot(width, 0.6) * rng.normal(size=(2000, 2))
best = 0.6**2 * score(noisy, 0.6)


def agreement(model):
    """The cosine of the network's arrows and the true ones, all taken together."""
    arrows = model.reconstruct(noisy) - noisy
    return np.sum(arrows * best) / np.linalg.norm(arrows) / np.linalg.norm(best)


denoisers = [denoiser(0.6, seed) for seed in range(5)]
agreements = [agreement(model) for model in denoisers]
print("cosine of its arrows with the score:", np.round(agreements, 4))

# %%
place = np.array([[1.0, 2.5]])
grid = np.linspace(-7, 7, 561)
clean = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
density = np.exp(-np.sum((clean[:, None] - heaps) ** 2, axis=2) / (2 * width**2)).sum(1)
seen = density * np.exp(-np.sum((place - clean) ** 2, axis=1) / (2 * 0.6**2))
by_sum = seen @ clean / seen.sum() - place[0]
lesson.given("heaps", 12)
lesson.given("place", place[0])
lesson.exact("arrow", 0.6**2 * score(place, 0.6)[0], known=by_sum, digits=6)
lesson.within("agreement", agreements, low=0.985, high=1.0)

# %%
# That the score leads to the mean of the clean points can be checked by summation: from
# ({{ place[0]:.1f }}, {{ place[1]:.1f }}) both give the step ({{ arrow[0]:.4f }},
# {{ arrow[1]:.4f }}). And the networks, which were given neither, have learned it: the
# cosine between their arrows and the true ones is {{ agreement.low:.4f }} to
# {{ agreement.high:.4f }} over {{ agreement.seeds }} seeds.
#
# The picture
# -----------
#
# Move the noisy point, and change the strength of the noise. Blue is what the network
# does to a point, orange where the score points; the dots show where you arrive by
# applying the network again and again.

levels = [0.15, 0.3, 0.6, 1.0]
shown = [denoisers[0] if level == 0.6 else denoiser(level, 0) for level in levels]
lesson.widget(
    "arrows",
    "Grey: some of the points. Blue: which way the network moves a place, drawn at "
    "less than half its length; at the noisy point, in full. Arrows fade where hardly "
    "any noisy point was shown to the network: there it guesses.",
    prompt="Move the point, and follow the arrow.",
    x=place[0],
    k=2,
    truth=True,
    heaps=heaps.round(6),
    width=width,
    points=points[:300].round(2),
    models=[
        {"level": level, "encoder": encoder_state(m), "decoder": decoder_state(m)}
        for level, m in zip(levels, shown, strict=True)
    ],
)

# %%
# All five, on the digits
# -----------------------
#
# The same pictures, the same single hidden layer, the same number of epochs. Four codes
# have eight numbers; the sparse one has 64, as many as the picture, since it is meant
# to choose among them.

digits = load_bundled("digits")
X, unseen = train_test_split(
    digits.values, test_size=0.2, random_state=0, stratify=digits.labels
)
same = {"hidden_layer_sizes": (64,), "max_iter": 50, "polish": 0, "refit": False}
kinds = {
    "vanilla": lambda s: isthmus.Autoencoder(8, random_state=s, **same),
    "sparse": lambda s: isthmus.SparseAutoencoder(64, random_state=s, **same),
    "denoising": lambda s: isthmus.DenoisingAutoencoder(
        8, corruption_level=0.3, restoring=True, random_state=s, **same
    ),
    "contractive": lambda s: isthmus.ContractiveAutoencoder(
        8, contraction=1.0, random_state=s, **same
    ),
    "variational": lambda s: isthmus.VariationalAutoencoder(8, random_state=s, **same),
}
family = {name: [make(s).fit(X) for s in range(5)] for name, make in kinds.items()}
noise = 0.3 * np.random.default_rng(1).normal(size=unseen.shape)


def measured(model):
    """What each wish is about, for one model, on pictures never seen."""
    codes, moved = model.transform(unseen), model.transform(unseen + noise)
    spread = np.linalg.norm(codes - codes.mean(0), axis=1).mean()
    return {
        "error": isthmus.evaluate(model, unseen).data.model.mse,
        "noisy": np.mean((unseen - model.reconstruct(unseen + noise)) ** 2),
        "on": np.mean(np.sum(codes != 0, axis=1)),
        "moves": np.linalg.norm(moved - codes, axis=1).mean() / spread,
        "spread": codes.std(0).mean(),
    }


found = {name: [measured(m) for m in models] for name, models in family.items()}
for name, rows in found.items():
    means = {what: np.mean([row[what] for row in rows]) for what in rows[0]}
    print(f"{name:12}", *(f"{what} {value:<8.4g}" for what, value in means.items()))

# %%
bounds = {
    "vanilla": ((0.012, 0.018), (0.03, 0.046), (8, 8), (0.4, 0.62), (1.5, 4)),
    "sparse": ((0.0045, 0.009), (0.05, 1.5), (20, 33), (0.45, 1.1), (0.2, 2)),
    "denoising": ((0.014, 0.022), (0.022, 0.029), (8, 8), (0.3, 0.43), (0.9, 2.5)),
    "contractive": ((0.013, 0.02), (0.022, 0.03), (8, 8), (0.28, 0.4), (0.3, 0.8)),
    "variational": ((0.012, 0.02), (0.03, 0.044), (7.9, 8), (0.5, 0.8), (1.0, 1.9)),
}
for name, rows in found.items():
    for what, (low, high) in zip(rows[0], bounds[name], strict=True):
        values = [row[what] for row in rows]
        lesson.within(f"{name}.{what}", values, low=low - 1e-9, high=high + 1e-9)


def before(name, other, what):
    """Seed by seed, whether one kind has less of something than another."""
    pairs = zip(found[name], found[other], strict=True)
    return [row[what] < rival[what] for row, rival in pairs]


lesson.holds(
    "cleans",
    before("denoising", "vanilla", "noisy"),
    "its error on noisy pictures is under the vanilla one's",
)
lesson.holds(
    "steadier",
    before("contractive", "vanilla", "moves"),
    "its code moves less than the vanilla one's",
)
lesson.holds(
    "unit",
    [
        abs(row["spread"] - 1) < abs(rival["spread"] - 1)
        for row, rival in zip(found["variational"], found["vanilla"], strict=True)
    ],
    "its code's spread is nearer to 1 than the vanilla one's",
)

# %%
# .. list-table::
#    :header-rows: 1
#
#    * - mean over {{ vanilla.error.seeds }} seeds
#      - error
#      - error, noisy
#      - numbers on
#      - code moves
#      - spread
#    * - vanilla
#      - {{ vanilla.error.mean:.4f }}
#      - {{ vanilla.noisy.mean:.4f }}
#      - {{ vanilla.on.mean:.0f }} of 8
#      - {{ vanilla.moves.mean:.2f }}
#      - {{ vanilla.spread.mean:.2f }}
#    * - sparse
#      - {{ sparse.error.mean:.4f }}
#      - {{ sparse.noisy.mean:.4f }}
#      - {{ sparse.on.mean:.0f }} of 64
#      - {{ sparse.moves.mean:.2f }}
#      - {{ sparse.spread.mean:.2f }}
#    * - denoising
#      - {{ denoising.error.mean:.4f }}
#      - {{ denoising.noisy.mean:.4f }}
#      - {{ denoising.on.mean:.0f }} of 8
#      - {{ denoising.moves.mean:.2f }}
#      - {{ denoising.spread.mean:.2f }}
#    * - contractive
#      - {{ contractive.error.mean:.4f }}
#      - {{ contractive.noisy.mean:.4f }}
#      - {{ contractive.on.mean:.0f }} of 8
#      - {{ contractive.moves.mean:.2f }}
#      - {{ contractive.spread.mean:.2f }}
#    * - variational
#      - {{ variational.error.mean:.4f }}
#      - {{ variational.noisy.mean:.4f }}
#      - {{ variational.on.mean:.0f }} of 8
#      - {{ variational.moves.mean:.2f }}
#      - {{ variational.spread.mean:.2f }}
#
# *Error* is the mean squared error of a grey value on unseen pictures; *noisy*, the
# same when the encoder sees them with noise. *Code moves* is how far that noise moves
# the code, in units of the codes' own spread, so merely shrinking the code gains
# nothing. *Spread* is the standard deviation of a code number.
#
# Every constraint does what it was made for: the denoising model removes noise better
# than the vanilla one at all {{ cleans }} seeds, the contractive code moves less at all
# {{ steadier }}, the variational code's spread is nearer to 1, that of the standard
# normal distribution, at all {{ unit }}, and the sparse code leaves most of its numbers
# at zero. And each has its price: no model wins every column. Noise switches on numbers
# of the sparse code that were zero, and disturbs it most.

names = ["original", *family]
rows = [
    unseen[:12],
    *(models[0].reconstruct(unseen[:12]) for models in family.values()),
]
figure, on = plt.subplots(6, 13, figsize=(8.4, 4.2), width_ratios=[1] * 12 + [2.6])
for height, (name, pictures) in enumerate(zip(names, rows, strict=True)):
    for column, picture in enumerate(pictures):
        on[height, column].imshow(picture.reshape(8, 8), "gray_r", vmin=0, vmax=1)
        on[height, column].set(xticks=[], yticks=[])
        on[height, column].spines[:].set_visible(False)
    on[height, 0].set_ylabel(name, rotation=0, ha="right", va="center")
    if name == "original":
        on[height, 12].set_axis_off()
        on[height, 12].set_title("values of the code", fontsize=9)
        continue
    codes = family[name][0].transform(unseen)
    on[height, 12].hist(
        (codes / codes.std()).ravel(), np.linspace(-4, 4, 41), color="#2f7fc9"
    )
    on[height, 12].set(yticks=[], xticks=[-3, 0, 3] if height == 5 else [])
    on[height, 12].spines[["top", "right", "left"]].set_visible(False)

# %%
# Twelve unseen pictures, reconstructed by each model, and on the right a histogram of
# the values in its code, in units of the code's spread: that of the sparse code is a
# spike at zero.
#
# The slopes show how the contractive code holds still. At a picture, the slopes of all
# code numbers form a matrix, and its singular values say how fast the code moves in the
# direction in which it moves most, second most, and so on; in all other directions it
# does not move.


def slopes(model):
    """Medians of the slopes' singular values, in units of the code's spread."""
    encode, codes = model.encoder.to_torch(), model.transform(unseen)
    spread = np.sqrt(codes.var(0).sum())
    some = torch.from_numpy(unseen[:100]).float()
    one = torch.func.jacrev(lambda x: encode(x[None])[0])
    values = torch.linalg.svdvals(torch.func.vmap(one)(some).detach()) / spread
    return values.median(0).values.numpy()


free, held = (
    np.array([slopes(m) for m in family[name]]) for name in ("vanilla", "contractive")
)
print("vanilla:    ", free.mean(0).round(2))
print("contractive:", held.mean(0).round(2))

# %%
lesson.within("largest.free", free[:, 0], low=0.6, high=1.2)
lesson.within("largest.held", held[:, 0], low=0.4, high=0.75)
lesson.within("smallest.free", free[:, -1], low=0.28, high=0.55)
lesson.within("smallest.held", held[:, -1], low=0.15, high=0.35)
lesson.holds(
    "flatter",
    [a.sum() > b.sum() for a, b in zip(free, held, strict=True)],
    "the contractive code's slopes are less",
)

# %%
# The penalty lowers the largest slope from {{ largest.free.mean:.2f }} to
# {{ largest.held.mean:.2f }} and the smallest of eight from
# {{ smallest.free.mean:.2f }} to {{ smallest.held.mean:.2f }}; their sum is lower at
# all {{ flatter }} seeds.
#
# On a ring the directions have names: *along* the points, where the code has to
# distinguish them, and *across*, where there is nothing to distinguish. The penalty is
# the same for both, but only slopes along the ring lower the squared error in return.
# Slopes are again in units of the code's spread, relative to the points' own: 1 is a
# code that copies.

turns = np.random.default_rng(1).uniform(0, 2 * np.pi, 600)
outward = np.column_stack([np.cos(turns), np.sin(turns)])
ring = 2 * outward + 0.1 * np.random.default_rng(2).normal(size=(600, 2))


def contractive(price, seed):
    """Trained on the ring, with this price on its slopes."""
    return isthmus.ContractiveAutoencoder(
        2,
        polish=0,
        refit=False,
        contraction=price,
        hidden_layer_sizes=(32, 32),
        max_iter=80,
        weight_decay=0.0,
        validation_fraction=0.0,
        random_state=seed,
    ).fit(ring)


def size(rows):
    """The square root of the total variance."""
    return np.sqrt(rows.var(0).sum())


def along_and_across(model):
    """Medians over the ring of the slopes along it and across it."""
    encode, places = model.encoder.to_torch(), 2 * torch.from_numpy(outward).float()
    one = torch.func.jacrev(lambda x: encode(x[None])[0])
    J = torch.func.vmap(one)(places).detach().numpy()
    unit = size(model.transform(ring)) / size(ring)
    tangent = np.column_stack([-outward[:, 1], outward[:, 0]])
    ways = [np.einsum("nij,nj->ni", J, way) for way in (tangent, outward)]
    return [np.median(np.linalg.norm(moved, axis=1)) / unit for moved in ways]


prices = [0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]
on_ring = {price: [contractive(price, s) for s in range(5)] for price in (0.0, 3.0)}
ways = {p: np.array([along_and_across(m) for m in ms]) for p, ms in on_ring.items()}
for price, table in ways.items():
    print(f"price {price}: along and across the ring", table.round(3).tolist())

# %%
lesson.within("along.free", ways[0.0][:, 0], low=0.9, high=1.1)
lesson.within("across.free", ways[0.0][:, 1], low=0.9, high=1.1)
lesson.within("along.held", ways[3.0][:, 0], low=0.9, high=1.1)
lesson.within("across.held", ways[3.0][:, 1], low=0.15, high=0.4)


def laid(model, price):
    """An encoder for the page, and how its codes are laid upon the points."""
    codes = model.transform(ring)
    center = codes.mean(0)
    u, _, v = np.linalg.svd((codes - center).T @ (ring - ring.mean(0)))
    turn = (u @ v).T * size(ring) / size(codes)
    return {
        "strength": price,
        "encoder": encoder_state(model),
        "center": center.tolist(),
        "turn": turn.tolist(),
    }


def at_price(price):
    """The model of the first seed."""
    return on_ring[price][0] if price in on_ring else contractive(price, 0)


lesson.widget(
    "stretch",
    "First, points on a ring, and a small circle to move. Second, their codes, aligned "
    "with the points. Orange goes across the ring, blue along it; raise λ.",
    x=[2.0, 0.0],
    strength=prices.index(3.0),
    points=ring[:300].round(2),
    models=[laid(at_price(price), price) for price in prices],
)

# %%
# Without a penalty the code is a copy: the slopes are {{ along.free.mean:.2f }} along
# the ring and {{ across.free.mean:.2f }} across it. With a weight of 3 they are still
# {{ along.held.low:.2f }} to {{ along.held.high:.2f }} along the ring, but only
# {{ across.held.low:.2f }} to {{ across.held.high:.2f }} across, over
# {{ across.held.seeds }} seeds: the ring has become thin, and noise that pushes a point
# off it hardly moves the code.
#
# An honest failure: paying with small coins
# ------------------------------------------
#
# Two of the constraints can be met on paper only. Make the whole code ten times
# smaller, and the decoder's weights ten times larger: nothing else changes, and the
# penalty on the size of the code is a tenth. Nothing has become sparse. If the
# decoder's weights are free, this happens by itself in training:


def trained(free, seed, steps=400):
    """A sparse autoencoder in PyTorch; its decoder's columns free, or of length 1."""
    torch.manual_seed(seed)
    rows = torch.from_numpy(X).float()
    encoder = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU())
    decoder = torch.nn.Linear(128, 64)
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.01)

    def parts(x):
        columns = decoder.weight
        if not free:
            columns = torch.nn.functional.normalize(columns, dim=0)
        z = encoder(x)
        error = (x - z @ columns.T - decoder.bias).square().sum(1).mean()
        return error, z.sum(1).mean(), (z > 0).float().sum(1).mean()

    for _ in range(steps):
        error, size, _ = parts(rows[torch.randint(len(rows), (128,))])
        optimizer.zero_grad()
        (error + 0.5 * size).backward()
        optimizer.step()
    return [part.item() for part in parts(rows)]


cheats = np.array([trained(True, seed) for seed in range(5)])
honest = np.array([trained(False, seed) for seed in range(5)])
for name, table in [("free", cheats), ("length 1", honest)]:
    print(f"{name:9} error, size of the code, numbers on:", table.mean(0).round(2))

# %%
h, W = rng.exponential(size=(50, 128)), rng.normal(size=(64, 128))
target = rng.normal(size=(50, 64))


def lost(h, W):
    """The squared error of a code and a decoder's weights."""
    return np.mean(np.sum((target - h @ W.T) ** 2, axis=1))


lesson.exact("cheat.error", lost(h / 10, 10 * W) / lost(h, W), known=1, digits=9)
lesson.exact("cheat.price", np.abs(h / 10).sum() / np.abs(h).sum(), known=1 / 10)
lesson.within("cheat.size", cheats[:, 1], low=0.8, high=1.35)
lesson.within("cheat.on", cheats[:, 2], low=4.9, high=9.5)
lesson.within("honest.size", honest[:, 1], low=1.65, high=2.5)
lesson.within("honest.on", honest[:, 2], low=3, high=5.8)
pairs = list(zip(cheats, honest, strict=True))
lesson.holds(
    "cheated",
    [a[1] < 0.7 * b[1] and a[2] > b[2] for a, b in pairs],
    "a free decoder's code is under seven tenths as large, with more numbers on",
)

# %%
# .. list-table::
#    :header-rows: 1
#
#    * - the decoder's columns
#      - size of the code
#      - numbers on, of 128
#    * - free
#      - {{ cheat.size.low:.1f }} to {{ cheat.size.high:.1f }}
#      - {{ cheat.on.low:.1f }} to {{ cheat.on.high:.1f }}
#    * - of length 1
#      - {{ honest.size.low:.1f }} to {{ honest.size.high:.1f }}
#      - {{ honest.on.low:.1f }} to {{ honest.on.high:.1f }}
#
# On paper, the error stays the same ({{ cheat.error:.0f }} times) and the penalty falls
# to {{ cheat.price:.0%}}. In training, at all {{ cheated }} seeds the free decoder ends
# with a code less than seven tenths as large *and* with more numbers on: it has paid in
# small coins. Fix the columns' length at 1, as :class:`isthmus.SparseAutoencoder` does,
# and a small code means a faint picture. The contractive penalty can be evaded in the
# same way, which is why the table above divides by the spread of the code. A wish must
# be stated in units that the network cannot choose.
#
# Exercise
# --------
#
# Write two functions: the step that best removes noise, for clusters anywhere; and a
# sparse loss that cannot be lowered by shrinking the code and growing the decoder.
#
# .. code-block:: console
#
#    $ isthmus learn 9 --start chapter_9.py
#    $ isthmus learn 9 --check chapter_9.py
#
# Next: one of the four in full, a code to draw from.
