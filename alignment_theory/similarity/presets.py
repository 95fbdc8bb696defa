"""The similarities of the field, each with its channels, scaling and data range."""

from dataclasses import replace

from alignment_theory.similarity.base import Channels, Comparison, Scaling, Similarity

COSINE = Similarity("cosine", Comparison.COSINE)
"""The cosine over all entries and channels (a similarity: 1 for equal maps)."""

PEARSON = Similarity("pearson", Comparison.PEARSON, Channels.SUM)

SPEARMAN = Similarity("spearman", Comparison.SPEARMAN, Channels.SUM)
"""Adebayo's rank correlation of signed maps."""

SPEARMAN_ABS = Similarity("spearman_abs", Comparison.SPEARMAN, Channels.SUM_OF_MAGNITUDES)
"""Adebayo's rank correlation of magnitudes."""

SSIM = Similarity("ssim", Comparison.SSIM, Channels.SUM, scaling=Scaling.LARGEST, data_range=2.0)
"""Wang's SSIM of signed maps in [-1, 1], with that range.

It was made for images, which are positive: of a map and its negative it is some 0.4, not -1, since
means and covariances change sign together and are multiplied.
"""

SSIM_ABS = replace(SSIM, name="ssim_abs", channels=Channels.SUM_OF_MAGNITUDES, data_range=1.0)
"""Wang's SSIM of magnitudes in [0, 1], with that range."""

HOG_SPEARMAN = Similarity(
    "hog", Comparison.HOG, Channels.SUM_OF_MAGNITUDES, scaling=Scaling.LARGEST
)
"""Adebayo's rank correlation of histograms of oriented gradients, cells of 16 pixels.

Of maps in [0, 1], where the 1e-5 that scikit-image adds to the norm of a block is small.
"""

ADEBAYO_CODE = Similarity(
    "adebayo_code",
    Comparison.SSIM,
    Channels.SUM_OF_MAGNITUDES,
    scaling=Scaling.PERCENTILE,
    percentile=99.0,
    data_range=2.0,
)
"""SSIM as the code of Adebayo 2018 computes it.

Magnitudes summed over channels, ``(x - min)/(P(99) - min)`` cut at 1, Gaussian windows. Maps are in
[0, 1] but no data range is given, and scikit-image takes 2 for floats: low contrasts are forgiven.
For images of one channel that code divides by the largest magnitude instead: see
`adebayo_code_grey`. Its other measures are `SPEARMAN`, `SPEARMAN_ABS` and `HOG_SPEARMAN`.
"""

ADEBAYO_CODE_GREY = replace(
    ADEBAYO_CODE, name="adebayo_code_grey", scaling=Scaling.LARGEST, percentile=100.0
)

ADEBAYO_ISSUE2 = replace(SSIM, name="adebayo_issue2", window=5)
"""SSIM as the first author describes it in issue 2 of that code: maps in [-1, 1], windows of 5.

How maps get into [-1, 1] is not said there: we divide by the largest magnitude, as the code does
for images of one channel.
"""

WEL = Similarity(
    "wel",
    Comparison.SSIM,
    Channels.LARGEST_MAGNITUDE,
    scaling=Scaling.COMPLEMENT,
    percentile=99.5,
    data_range=2.0,
    window=5,
    flipped=True,
)
"""SSIM of Sixt 2020 for gradient-like methods; their RectGrad has the percentile 100.

The larger of both signs of the second map; each map cut at its percentiles 0.5 and 99.5. Their code
exchanges the two bounds, so that complements are compared, and leaves the range to scikit-image: 2
for maps in [0, 1].
"""

WEL_SUM = replace(WEL, name="wel_sum", channels=Channels.SUM)
"""The same for methods of the LRP family, whose channels are summed."""

QUANTUS = Similarity("quantus", Comparison.SPEARMAN, Channels.KEEP, magnitude=True)
"""Rank correlation of magnitudes over all entries and channels, the default of Quantus' MPRT.

Quantus divides by the largest magnitude of the whole batch, which no rank notices: ours is equal
sample by sample. (With its SSIM on flattened maps it would be another number: ours is of images.)
"""

PRESETS = (
    COSINE,
    PEARSON,
    SPEARMAN,
    SPEARMAN_ABS,
    SSIM,
    SSIM_ABS,
    HOG_SPEARMAN,
    ADEBAYO_CODE,
    ADEBAYO_CODE_GREY,
    ADEBAYO_ISSUE2,
    WEL,
    WEL_SUM,
    QUANTUS,
)
