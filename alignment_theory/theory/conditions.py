"""The hypotheses that several theorems share: one name, one wording."""

from alignment_theory.theory.theorem import Hypothesis

RELU = Hypothesis(
    "relu",
    "the switches are ReLUs or leaky ReLUs (z times a slope that its sign decides), with one mask "
    "per input",
)
BIAS_FREE = Hypothesis("bias-free", "no layer has a bias, no batch normalisation a shift")
NONNEGATIVE_INPUT = Hypothesis("nonnegative-input", "every input entry is >= 0")
POSITIVE_PART = Hypothesis(
    "positive-contributions", "every unit that has relevance has a positive contribution, W⁺ a > 0"
)
NONZERO_DENOMINATORS = Hypothesis(
    "nonzero-denominators", "no pre-activation is exactly 0 where relevance arrives"
)
MONOTONE = Hypothesis("nonnegative-upper-weights", "all weights above layer 1 are >= 0")
POSITIVE_SEED = Hypothesis("positive-seed", "the relevance at the output is >= 0")
NEGATIVE_FILTERING = Hypothesis(
    "negative-filtering", "coefficients c_l >= 0 with support inside the mask of active neurons"
)
GAUSSIAN = Hypothesis("gaussian-weights", "the entries of all W_l are i.i.d. N(0, σ²), σ > 0")
GAUSSIAN_FILTERS = Hypothesis(
    "gaussian-filters", "the entries of all filters are i.i.d. N(0, σ²), σ > 0"
)
ISOTROPIC = Hypothesis(
    "isotropic-rows",
    "the rows of W have a rotation-invariant law with a finite E|w·x| φ(w·x), not 0",
)
THROUGH_Z = Hypothesis("sees-z-only", "the coefficients c_l see W_l only through z_l")
NONZERO = Hypothesis("nonzero-input", "x ≠ 0")
NONZERO_ACTIVATIONS = Hypothesis("nonzero-activations", "a_{l-1} ≠ 0, and it has d >= 2 entries")
SOME_COEFFICIENT = Hypothesis("some-coefficient", "c_l ≠ 0 (dead trials are left out and counted)")
INDEPENDENT = Hypothesis(
    "iid-neurons", "the pairs (t, c) of the neurons are i.i.d., E[c²] is finite and E[t c] is not 0"
)
ACTIVE_ONLY = Hypothesis("active-rows", "coefficients are φ(w·x) > 0 on active rows, 0 elsewhere")
FRESH_LAYERS = Hypothesis("independent-layers", "the weights of different layers are independent")
