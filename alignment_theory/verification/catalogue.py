"""Everything that is judged, and everything wrong that must be refuted."""

from alignment_theory.verification.checks import Check
from alignment_theory.verification.experiments import (
    bounds,
    convolution_depth,
    convolutional,
    depth,
    depth_limits,
    identities,
    one_layer,
    orthogonal_depth,
    other_laws,
    pairs,
    pooled_filters,
    random_rows,
    shared_weights,
    zplus,
)
from alignment_theory.verification.variants import Variant

FAMILIES = (
    identities,
    bounds,
    convolutional,
    random_rows,
    shared_weights,
    one_layer,
    other_laws,
    pooled_filters,
    convolution_depth,
    depth,
    depth_limits,
    orthogonal_depth,
    pairs,
    zplus,
)

CHECKS: tuple[Check, ...] = tuple(check for family in FAMILIES for check in family.CHECKS)
VARIANTS: tuple[Variant, ...] = tuple(variant for family in FAMILIES for variant in family.VARIANTS)
