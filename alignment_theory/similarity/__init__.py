"""How alike two attribution maps are, by every measure that sanity checks have used.

Papers and libraries call different numbers "SSIM" or "rank correlation": they differ in how the
channels of a colour image are joined, how a map is scaled, and which range of values the SSIM is
told. Here each is a `Similarity` with all of that in the open; `PRESETS` are the measures of the
field. All compare sample by sample: what else is in the batch changes nothing. Where a measure says
nothing, for maps that are constant once prepared or 0 throughout, the value is NaN with a reason.
"""

from alignment_theory.similarity.base import Channels, Comparison, Scaling, Similarity
from alignment_theory.similarity.presets import (
    ADEBAYO_CODE,
    ADEBAYO_CODE_GREY,
    ADEBAYO_ISSUE2,
    COSINE,
    HOG_SPEARMAN,
    PEARSON,
    PRESETS,
    QUANTUS,
    SPEARMAN,
    SPEARMAN_ABS,
    SSIM,
    SSIM_ABS,
    WEL,
    WEL_SUM,
)

__all__ = [
    "ADEBAYO_CODE",
    "ADEBAYO_CODE_GREY",
    "ADEBAYO_ISSUE2",
    "COSINE",
    "HOG_SPEARMAN",
    "PEARSON",
    "PRESETS",
    "QUANTUS",
    "SPEARMAN",
    "SPEARMAN_ABS",
    "SSIM",
    "SSIM_ABS",
    "WEL",
    "WEL_SUM",
    "Channels",
    "Comparison",
    "Scaling",
    "Similarity",
]
