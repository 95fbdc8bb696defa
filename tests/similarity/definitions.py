"""Maps to compare, and every preset by its definition or by SciPy, one pair of maps at a time."""

import numpy as np
from scipy import stats

from alignment_theory.rounding import gamma
from alignment_theory.similarity import (
    ADEBAYO_CODE,
    ADEBAYO_CODE_GREY,
    ADEBAYO_ISSUE2,
    COSINE,
    HOG_SPEARMAN,
    PEARSON,
    QUANTUS,
    SPEARMAN,
    SPEARMAN_ABS,
    SSIM,
    SSIM_ABS,
    WEL,
    WEL_SUM,
)

ids = {"ids": lambda preset: preset.name}


def maps(seed, samples=3, channels=3, side=48):
    """Return two batches of smooth maps that have something in common."""
    rng = np.random.default_rng(seed)
    common, one, other = rng.standard_normal((3, samples, channels, side, side)).cumsum(axis=-1)
    return common + one, common + other


def rounding(similarity, *batches):
    """Bound how far rounding takes two computations of a similarity from each other.

    A cosine of n entries sums n products for itself and n squares for each norm. Pearson's entries
    less their mean are wrong by 2 γ_n of the largest, which over their deviation is an error of the
    direction. Ranks and their means do not round.

    SSIM is (A1 A2)/(B1 B2), at most 1, with B1 = m² + m'² + c1 for means m, m' of windows and
    B2 >= c2; c1 = (0.01 L)², c2 = (0.03 L)². It moves by no more than A1 and B1 do over B1, plus A2
    and B2 over B2. Of maps in [-1, 1] means of windows, of entries and of products, are wrong by γ
    of N operations, which are the scaling and at most a running sum along both sides. So A1 and B1
    move by 4 γ (|m| + |m'|) together, which is at most 3 γ/√c1 of B1; A2 and B2 by 12 γ, and by
    13 γ with the sample covariance.
    """
    entries, side = batches[0][0].size, batches[0].shape[-1]
    if similarity.comparison == "ssim":
        step = gamma(4 * side + (similarity.window or 11) ** 2 + 64, np.dtype(float))
        c1, c2 = ((k * similarity.data_range) ** 2 for k in (0.01, 0.03))
        return 2 * step * (3 / np.sqrt(c1) + 13 / c2)
    spread = 0.0
    if similarity.comparison == "pearson":
        rows = [(maps.sum(axis=1) if maps.ndim == 4 else maps) for maps in batches]
        rows = [maps.reshape(len(maps), -1) for maps in rows]
        spread = max((np.abs(m).max(axis=1) / m.std(axis=1)).max() for m in rows)
    return 2 * gamma(2 * entries + 16, np.dtype(float)) * (1 + 2 * spread)


def ssim_by_definition(x, y, weights, data_range):
    """Return the mean SSIM over all windows that lie inside, window by window (Wang 2004)."""
    size = len(weights)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    unbias = size**2 / (size**2 - 1)
    values = []
    for top in range(x.shape[0] - size + 1):
        for left in range(x.shape[1] - size + 1):
            a, b = (m[top : top + size, left : left + size] for m in (x, y))
            ma, mb = (weights * a).sum(), (weights * b).sum()
            va, vb = ((weights * m * m).sum() - mean**2 for m, mean in ((a, ma), (b, mb)))
            vab = (weights * a * b).sum() - ma * mb
            va, vb, vab = unbias * va, unbias * vb, unbias * vab
            values.append(
                (2 * ma * mb + c1) * (2 * vab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
            )
    return np.mean(values)


def gaussian_weights():
    line = np.exp(-(np.arange(-5.0, 6) ** 2) / (2 * 1.5**2))
    return np.outer(line, line) / line.sum() ** 2


def largest(x):
    return x / np.abs(x).max()


def between_swapped(x):
    high, low = np.percentile(x, 0.5), np.percentile(x, 99.5)
    return np.clip((x - low) / (high - low), 0, 1)


UNIFORM = np.full((5, 5), 1 / 25)


def wel(x, y):
    x, y, flipped = between_swapped(x), between_swapped(y), between_swapped(-y)
    return max(ssim_by_definition(x, other, UNIFORM, 2) for other in (y, flipped))


def adebayo_scaled(x):
    x = np.abs(x).sum(axis=0)
    return np.clip((x - x.min()) / (np.percentile(x, 99) - x.min()), 0, 1)


def gaussian(x, y, data_range):
    return ssim_by_definition(x, y, gaussian_weights(), data_range)


def oriented(image):
    """Return histograms of oriented gradients by their definition (Dalal and Triggs 2005).

    Unsigned gradients by central differences, nine orientations in cells of 16 pixels; every block
    of 3 x 3 cells is divided by its norm, cut at 0.2 and divided by its norm again.
    """
    down, right = np.zeros((2, *image.shape))
    down[1:-1] = image[2:] - image[:-2]
    right[:, 1:-1] = image[:, 2:] - image[:, :-2]
    angle = np.degrees(np.arctan2(down, right)) % 180
    cells = [n // 16 for n in image.shape]
    histograms = np.zeros((*cells, 9))
    for i, j in np.ndindex(*cells):
        inside = np.s_[16 * i : 16 * i + 16, 16 * j : 16 * j + 16]
        for k in range(9):
            chosen = (angle[inside] >= 20 * k) & (angle[inside] < 20 * k + 20)
            histograms[i, j, k] = np.hypot(down, right)[inside][chosen].sum() / 256
    blocks = []
    for i, j in np.ndindex(cells[0] - 2, cells[1] - 2):
        block = histograms[i : i + 3, j : j + 3].ravel()
        block = np.minimum(block / np.sqrt((block**2).sum() + 1e-10), 0.2)
        blocks.append(block / np.sqrt((block**2).sum() + 1e-10))
    return np.ravel(blocks)


DEFINITIONS = {
    COSINE: lambda x, y: (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()),
    PEARSON: lambda x, y: stats.pearsonr(x.sum(0).ravel(), y.sum(0).ravel()).statistic,
    SPEARMAN: lambda x, y: stats.spearmanr(x.sum(0).ravel(), y.sum(0).ravel()).statistic,
    SPEARMAN_ABS: lambda x, y: (
        stats.spearmanr(np.abs(x).sum(0).ravel(), np.abs(y).sum(0).ravel()).statistic
    ),
    QUANTUS: lambda x, y: stats.spearmanr(np.abs(x).ravel(), np.abs(y).ravel()).statistic,
    HOG_SPEARMAN: lambda x, y: (
        stats.spearmanr(*(oriented(largest(np.abs(m).sum(0))) for m in (x, y))).statistic
    ),
    SSIM: lambda x, y: gaussian(largest(x.sum(0)), largest(y.sum(0)), 2),
    SSIM_ABS: lambda x, y: gaussian(largest(np.abs(x).sum(0)), largest(np.abs(y).sum(0)), 1),
    ADEBAYO_CODE: lambda x, y: gaussian(adebayo_scaled(x), adebayo_scaled(y), 2),
    ADEBAYO_CODE_GREY: lambda x, y: gaussian(
        largest(np.abs(x).sum(0)), largest(np.abs(y).sum(0)), 2
    ),
    ADEBAYO_ISSUE2: lambda x, y: ssim_by_definition(
        largest(x.sum(0)), largest(y.sum(0)), UNIFORM, 2
    ),
    WEL: lambda x, y: wel(np.abs(x).max(0), np.abs(y).max(0)),
    WEL_SUM: lambda x, y: wel(x.sum(0), y.sum(0)),
}
