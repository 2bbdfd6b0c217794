"""What the encoder sees in place of missing cells: their expectation given the observed ones.

A missing cell is NaN in x. The loss leaves it out; the encoder sees its expectation given the row's observed
cells, under a factor model of the columns that expectation-maximisation fits to the observed cells alone,

    x = μ + s ⊙ (W z + ε)        z ~ N(0, I), ε ~ N(0, Ψ), Ψ diagonal
    E[z|x_o] = (I + W_oᵀ Ψ_o⁻¹ W_o)⁻¹ W_oᵀ Ψ_o⁻¹ u_o        u = (x - μ)/s
    E[x_m|x_o] = μ_m + s_m ⊙ W_m E[z|x_o]

(Rubin & Thayer 1982; Ghahramani & Hinton 1996). PCA of the completed rows is the model's start. In training
more cells are hidden at random, so the networks learn to predict missing cells from observed ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from isthmus.parts.draws import generator, uniform, uniform_like

__all__ = ["Completion", "fit_completion"]

MIN_HIDDEN, MAX_HIDDEN = 0.1, 0.5  # bounds of the share of cells hidden in training, else the share missing
RANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
HIDDEN_TO_CHOOSE = 0.1  # share of the observed cells on which the number of factors is chosen
ROWS_TO_CHOOSE, ROUNDS_TO_CHOOSE = 1000, 20
ROWS_TO_FIT, ROUNDS_TO_FIT = 4000, 40
MIN_NOISE = 1e-3  # share of a column's variance: a column determined by others would otherwise dominate the code


class Completion(nn.Module):
    """Fills the NaN of a batch with their conditional expectations; ``hide`` adds more NaN in training."""

    def __init__(self, n_features: int, rank: int):
        super().__init__()
        self.center: Tensor
        self.spread: Tensor
        self.loadings: Tensor
        self.noise: Tensor
        self.hidden_share: Tensor
        self.trust: Tensor
        self.register_buffer("center", torch.zeros(n_features))
        self.register_buffer("spread", torch.ones(n_features))
        self.register_buffer("loadings", torch.zeros(n_features, rank))
        self.register_buffer("noise", torch.ones(n_features))
        self.register_buffer("hidden_share", torch.zeros(()))
        self.register_buffer("trust", torch.ones(()))
        self.owners: Tensor | None
        self.register_buffer("owners", None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Fill the NaN of rows, shape (batch, n_features); observed cells are unchanged."""
        missing = x.isnan()
        if not missing.any():
            return x
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            rows = missing.any(1).nonzero()[:, 0]
            holes = missing[rows]
            u = torch.where(holes, 0.0, (x[rows].float() - self.center) / self.spread)
            code = _expected_code(u, ~holes, self.loadings, self.noise)[0]
            guess = self.center + self.spread * (code @ self.loadings.T)
            filled = x.clone()
            filled[rows] = torch.where(holes, guess.to(x.dtype), x[rows])
            return filled

    def draw(self, x: Tensor, source: torch.Generator) -> Tensor:
        """Rows with their NaN drawn from the conditional distribution, given the parameters; on the CPU."""
        missing, x = x.isnan().cpu(), x.cpu()
        center, spread, loadings, noise = (part.cpu() for part in (self.center, self.spread, self.loadings, self.noise))
        u = torch.where(missing, 0.0, (x.float() - center) / spread)
        code, covariance = _expected_code(u, ~missing, loadings, noise)
        draws = torch.randn(code.shape, generator=source)
        code = code + (torch.linalg.cholesky(covariance) @ draws[:, :, None])[:, :, 0]
        residual = noise.sqrt() * torch.randn(u.shape, generator=source)
        return torch.where(missing, center + spread * (code @ loadings.T + residual), x)

    def hide(self, x: Tensor) -> Tensor:
        """Hide more cells: in each row a share drawn uniformly between zero and twice ``hidden_share``.

        Columns that encode one cell of a table (those with the same ``owners``) are hidden together.
        """
        share = 2 * self.hidden_share * uniform(x, 1)
        return x.masked_fill(_draws(x, self.owners) < share, torch.nan)


def _draws(x: Tensor, owners: Tensor | None) -> Tensor:
    """A uniform number for each cell, shared by all columns with the same owner."""
    if owners is None:
        return uniform_like(x)
    return uniform(x, int(owners.max()) + 1)[:, owners]


def fit_completion(batches: Callable[[], Iterable[Tensor]], n_rows: int, owners: Tensor | None = None) -> Completion:
    """Fit the factor model to batches of rows, and choose its number of factors on cells hidden from it.

    It is fitted to at most ``ROWS_TO_FIT`` rows, drawn at random.
    """
    chosen = torch.randperm(n_rows, generator=generator())[:ROWS_TO_FIT].sort().values
    x, start, n_missing = [], 0, 0
    for batch in batches():
        inside = chosen[(chosen >= start) & (chosen < start + len(batch))] - start
        x.append(batch[inside].double())
        n_missing += int(batch.isnan().sum())
        start += len(batch)
    x = torch.cat(x)
    observed = ~x.isnan()
    count = observed.sum(0)
    center = torch.where(observed, x, 0.0).sum(0) / count.clamp(min=1)
    spread = (torch.where(observed, x - center, 0.0).square().sum(0) / count.clamp(min=1)).sqrt()
    spread = torch.where(spread > 0, spread, 1.0)
    u = torch.where(observed, (x - center) / spread, 0.0)
    rank = _choose_rank(u[:ROWS_TO_CHOOSE], observed[:ROWS_TO_CHOOSE], owners)
    mean, loadings, noise = _fit_factors(u, observed, rank, ROUNDS_TO_FIT)
    completion = Completion(x.shape[1], rank)
    completion.owners = owners
    completion.center.copy_(center + spread * mean)
    completion.spread.copy_(spread)
    completion.loadings.copy_(loadings)
    completion.noise.copy_(noise)
    share = n_missing / (n_rows * x.shape[1])
    completion.hidden_share.fill_(min(max(share, MIN_HIDDEN), MAX_HIDDEN))
    return completion


def _choose_rank(u: Tensor, observed: Tensor, owners: Tensor | None) -> int:
    """The number of factors that best predicts hidden cells; the search stops after two that do worse."""
    n_rows, n_features = u.shape
    hidden = observed & (_draws(u, owners) < HIDDEN_TO_CHOOSE)
    if not hidden.any():
        return 1
    best, best_error, worse = 1, float("inf"), 0
    for rank in RANKS:
        if rank > max(1, min(n_features - 1, n_rows // 3)) or worse == 2:
            break
        seen = observed & ~hidden
        kept = torch.where(seen, u, 0.0)
        mean, loadings, noise = _fit_factors(kept, seen, rank, ROUNDS_TO_CHOOSE)
        centred = torch.where(seen, kept - mean, 0.0)
        guess = mean + _expected_code(centred, seen, loadings, noise)[0] @ loadings.T
        error = float((guess - u)[hidden].square().mean())
        if error < best_error:
            best, best_error, worse = rank, error, 0
        else:
            worse += 1
    return best


def _fit_factors(u: Tensor, observed: Tensor, rank: int, rounds: int) -> tuple[Tensor, Tensor, Tensor]:
    """Expectation-maximisation over the observed cells: mean, loadings (n_features, rank) and noise Ψ.

    Each loading has the prior N(0, 1), the scale of a standardised column, which shrinks it where rows are few.
    """
    n_features = u.shape[1]
    mask = observed.to(u.dtype)
    count = mask.sum(0).clamp(min=1)
    mean = torch.zeros(n_features, dtype=u.dtype)
    covariance = (u * mask).T @ (u * mask) / (mask.T @ mask).clamp(min=1)
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0)[:rank].clamp(min=1e-3), vectors.flip(1)[:, :rank]
    loadings = vectors * values.sqrt()
    noise = (1 - loadings.square().sum(1)).clamp(min=0.1)
    ones = torch.ones(len(u), 1, dtype=u.dtype)
    for _ in range(rounds):
        centred = torch.where(observed, u - mean, 0.0)
        code, spread = _expected_code(centred, observed, loadings, noise)
        second = spread + code[:, :, None] * code[:, None, :]
        # Regress each column on (z, 1), over the rows where it is observed.
        normal = torch.empty(n_features, rank + 1, rank + 1, dtype=u.dtype)
        normal[:, :rank, :rank] = (mask.T @ second.reshape(len(u), -1)).reshape(n_features, rank, rank)
        normal[:, :rank, rank] = normal[:, rank, :rank] = mask.T @ code
        normal[:, rank, rank] = count
        normal.diagonal(dim1=1, dim2=2)[:, :rank].add_(noise[:, None])
        normal.diagonal(dim1=1, dim2=2).add_(1e-9)
        right = (u * mask).T @ torch.cat([code, ones], 1)
        solution = torch.linalg.solve(normal, right[:, :, None])[:, :, 0]
        loadings, mean = solution[:, :rank], solution[:, rank]
        residual = torch.where(observed, u - mean - code @ loadings.T, 0.0).square().sum(0)
        uncertain = torch.einsum(
            "jr,jrs,js->j", loadings, (mask.T @ spread.reshape(len(u), -1)).view(n_features, rank, rank), loadings
        )
        noise = ((residual + uncertain) / count).clamp(min=MIN_NOISE)
    return mean, loadings, noise


def _expected_code(u: Tensor, observed: Tensor, loadings: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """E[z|u_o], shape (batch, rank), and its covariance; u must be 0 where it is not observed."""
    rank = loadings.shape[1]
    weighted = loadings / noise[:, None]
    products = (weighted[:, :, None] * loadings[:, None, :]).reshape(len(loadings), -1)
    precision = (observed.to(u.dtype) @ products).reshape(-1, rank, rank)
    precision = precision + torch.eye(rank, dtype=u.dtype, device=u.device)
    covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
    return (covariance @ (u @ weighted)[:, :, None])[:, :, 0], covariance
