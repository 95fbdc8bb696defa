"""What a law states, tested on its draws; and laws with planted errors, which must not pass.

Every p-value here is valid at the sample size stated: a true law fails one check with probability
at most ALPHA, whatever the seed. Means are tested by betting on bounded functions, so a stated
mean passes exactly where it lies in the betting confidence interval of level ALPHA.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats
from scipy.integrate import quad

from alignment_theory.ensembles import (
    Anisotropic,
    Gaussian,
    HaarColumns,
    HaarRows,
    HeavyTailed,
    HeNormal,
    HeUniform,
    Orthogonal,
    Positive,
    Rademacher,
    Sphere,
    Uniform,
    WeightLaw,
)
from alignment_theory.verification.betting import betting_p_value

ALPHA = 1e-6
ROWS = 120_000
MATRICES = 60_000
PAIRS = 20_000
SEED = 20240611


@dataclass(frozen=True)
class Case:
    """A law at one size, with draws that are gathered once and shared by the tests."""

    law: WeightLaw
    outputs: int
    inputs: int

    def __str__(self):
        return f"{self.law} {self.outputs}x{self.inputs}"

    @property
    def rows(self):
        """Independent rows; of laws with dependent rows, one of each matrix in turn."""
        return rows_of(self.law, self, self.law.independent_rows)


@cache
def rows_of(sampler, case, independent=False):
    """Return independent rows from a sampler: one of each matrix, or one matrix of many."""
    rng = np.random.default_rng(SEED)
    if independent:
        return sampler.sample(ROWS, case.inputs, rng)
    draws = (sampler.sample(case.outputs, case.inputs, rng) for _ in range(MATRICES))
    return np.array([matrix[k % case.outputs] for k, matrix in enumerate(draws)])


@cache
def pairs_of(sampler, case):
    """Return the first two rows of independent matrices of two or more rows."""
    rng, rows = np.random.default_rng(SEED), max(2, case.outputs)
    return np.array([sampler.sample(rows, case.inputs, rng)[:2] for _ in range(PAIRS)])


CASES = [
    Case(Gaussian(0.7), 1, 5),
    Case(HeNormal(), 1, 5),
    Case(Sphere(1.5), 1, 3),
    Case(HeavyTailed(6, 0.9), 1, 4),
    Case(HaarRows(1.3), 2, 3),
    Case(HaarRows(0.4), 3, 3),
    Case(HaarColumns(0.8), 5, 3),
    Case(HaarColumns(2), 3, 3),
    Case(Orthogonal(0.9), 2, 3),
    Case(Orthogonal(1.2), 5, 3),
    Case(Rademacher(0.6), 1, 4),
    Case(Uniform(1.2), 1, 4),
    Case(HeUniform(), 1, 4),
    Case(Anisotropic(0.3, 1.1), 1, 4),
    Case(Anisotropic(variances=(2, 0, 0.5), sigma=0.8), 1, 3),
    Case(Anisotropic(1.0, 0.5), 1, 4),
    Case(Positive(0.9), 1, 3),
]
ISOTROPIC = [case for case in CASES if case.law.isotropic]
SKEWED = [case for case in CASES if not case.law.isotropic]


def directions(inputs):
    """Return two unit vectors: an axis, and one whose entries all differ."""
    generic = np.arange(1.0, inputs + 1)
    generic[0] = -1
    return np.eye(inputs)[0], generic / np.linalg.norm(generic)


# --- planted errors ---------------------------------------------------------------------------


def shifted(case):
    """Return rows whose entries have a mean of 5 % of the law's scale more than they should."""
    return case.rows + 0.05 * np.sqrt(case.law.entry_variance(case.inputs))


@dataclass(frozen=True)
class OneRadius:
    """Student-t with one radius factor for the whole matrix: each row by itself is right."""

    law: HeavyTailed

    def sample(self, outputs, inputs, rng):
        nu = self.law.nu
        scale = self.law.sigma * np.sqrt((nu - 2) / rng.chisquare(nu))
        return scale * rng.standard_normal((outputs, inputs))


@dataclass(frozen=True)
class RawQR:
    """Haar rows or columns without the sign correction, or with the signs of Q's diagonal."""

    law: WeightLaw
    from_q: bool = False
    uniform: bool = False

    def sample(self, outputs, inputs, rng):
        tall, thin = max(outputs, inputs), min(outputs, inputs)
        draw = rng.uniform(-1, 1, (tall, thin)) if self.uniform else None
        q, r = np.linalg.qr(rng.standard_normal((tall, thin)) if draw is None else draw)
        if self.from_q or self.uniform:
            q = q * np.sign(np.diag(q if self.from_q else r))
        return self.law.sigma * np.sqrt(tall) * (q if outputs >= inputs else q.T)


# --- checks -----------------------------------------------------------------------------------


def moment_p_values(case, rows, u):
    """Return a betting p-value for every stated moment of ``w·u``, given independent rows.

    Draws are clipped at 1.2 times the row bound or, where there is none, at 8 deviations beyond
    the mean: that changes no normal moment by 1e-13, and for Student-t it is worked out.
    """
    law, inputs = case.law, case.inputs
    mean = law.entry_mean(inputs) * u.sum()
    square = float(law.covariance(inputs) @ u**2) + mean**2
    bound = 1.2 * law.row_bound(inputs, case.outputs)
    if not np.isfinite(bound):
        bound = abs(law.entry_mean(inputs)) * np.abs(u).sum() + 8 * np.sqrt(square)
    cut_mean, cut_square = clipped_tails(law, bound)
    stated = {"mean": (1, False, mean, 0.0), "square": (2, False, square, 2 * cut_square)}
    if law.isotropic:
        stated["half mean"] = (1, True, law.half_mean(inputs, case.outputs), cut_mean)
    if law.isotropic or not (isinstance(law, Anisotropic | Positive)):
        stated["half square"] = (2, True, law.half_square(inputs), cut_square)
    along = np.clip(rows @ u, -bound, bound)
    p_values = {}
    for name, (power, half, value, cut) in stated.items():
        draws = np.where(along > 0, along, 0.0) ** power if half else along**power
        low = -bound if name == "mean" else 0.0
        p_values[name] = betting_p_value(draws, value - cut, low=low, high=bound**power)
    return p_values


def clipped_tails(law, bound):
    """Return what clipping at `bound` takes from κ_1 and from κ_t."""
    if not isinstance(law, HeavyTailed):
        return 0.0, 0.0
    tail = stats.t(law.nu, scale=law.sigma * np.sqrt((law.nu - 2) / law.nu)).sf
    return quad(tail, bound, np.inf)[0], quad(lambda t: 2 * t * tail(t), bound, np.inf)[0]


def sphere_coordinate(size, radius=1.0):
    """Return the law of a coordinate of a uniform point on the sphere of R^size."""
    return stats.beta((size - 1) / 2, (size - 1) / 2, loc=-radius, scale=2 * radius)


def projected_law(case, u):
    """Return the exact law of ``w·u``; None where we have no closed form for this u."""
    law, d = case.law, case.inputs
    axis = bool(np.count_nonzero(u) == 1)
    match law:
        case Gaussian() | HeNormal() | Anisotropic():
            return stats.norm(0, np.sqrt(law.covariance(d) @ u**2))
        case HeavyTailed():
            return stats.t(law.nu, scale=law.sigma * np.sqrt((law.nu - 2) / law.nu))
        case Sphere() | HaarRows():
            return sphere_coordinate(d, law.sigma * np.sqrt(d))
        case HaarColumns():
            return sphere_coordinate(case.outputs, law.sigma * np.sqrt(case.outputs))
        case Orthogonal():
            longer = max(case.outputs, d)
            return sphere_coordinate(longer, law.sigma * np.sqrt(longer))
        case Uniform() | HeUniform() if axis:
            limit = np.sqrt(3 * law.entry_variance(d))
            return stats.uniform(-limit, 2 * limit)
        case Positive() if axis:
            return stats.halfnorm(scale=law.sigma)
    return None


def independence_p_value(case, pairs):
    """Return a betting p-value of two rows being independent, by their sizes along an axis.

    With V uniform on [0, 1] for a single row, ``E (V_1 - 1/2)(V_2 - 1/2) = 0``. V is
    ``|2 F(w·u) - 1|``, F the law along the axis: it sees radii that go together, signs do not.
    """
    u = directions(case.inputs)[0]
    sizes = np.abs(2 * projected_law(case, u).cdf(pairs @ u) - 1)
    products = (sizes[:, 0] - 0.5) * (sizes[:, 1] - 0.5)
    return betting_p_value(products, 0.0, low=-0.25, high=0.25)
