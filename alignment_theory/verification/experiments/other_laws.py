"""One random layer beyond i.i.d. isotropic Gaussian rows: frames, Σ, filters, other entries."""

from alignment_theory.verification.checks import Check
from alignment_theory.verification.covariance_checks import COVARIANCE_CHECKS, COVARIANCE_VARIANTS
from alignment_theory.verification.entry_checks import ENTRY_CHECKS, ENTRY_VARIANTS
from alignment_theory.verification.filter_checks import FILTER_CHECKS, FILTER_VARIANTS
from alignment_theory.verification.frame_checks import FRAME_CHECKS, FRAME_VARIANTS
from alignment_theory.verification.variants import Variant

CHECKS: tuple[Check, ...] = (
    *FRAME_CHECKS,
    *COVARIANCE_CHECKS,
    *FILTER_CHECKS,
    *ENTRY_CHECKS,
)
VARIANTS: tuple[Variant, ...] = (
    *FRAME_VARIANTS,
    *COVARIANCE_VARIANTS,
    *FILTER_VARIANTS,
    *ENTRY_VARIANTS,
)
