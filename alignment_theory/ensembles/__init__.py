"""Laws of random weights: each gives a sampler and the moments that theory needs.

| law | isotropic rows | independent rows | row norms | breaks |
|---|---|---|---|---|
| Gaussian, HeNormal | yes | yes | unbounded | nothing |
| Sphere | yes | yes | all equal | Gaussian weights |
| HeavyTailed | yes | yes | unbounded, heavy | Gaussian weights |
| HaarRows, HaarColumns | yes | no | equal; bounded | Gaussian weights, independent neurons |
| Orthogonal | yes | no | equal where outputs <= inputs; bounded | as for HaarRows |
| Uniform, HeUniform, Rademacher | no | yes | bounded | Gaussian weights, isotropy |
| Anisotropic | no | yes | unbounded | isotropy, one variance |
| Positive | no | yes | unbounded | isotropy, mean 0 |

`Ensemble` makes networks of them, with biases and with tied layers.
"""

from alignment_theory.ensembles.base import WeightLaw
from alignment_theory.ensembles.entries import (
    Gaussian,
    HeNormal,
    HeUniform,
    Positive,
    Rademacher,
    Uniform,
)
from alignment_theory.ensembles.haar import HaarColumns, HaarRows, Orthogonal
from alignment_theory.ensembles.networks import Ensemble
from alignment_theory.ensembles.rows import Anisotropic, HeavyTailed, Sphere

__all__ = [
    "Anisotropic",
    "Ensemble",
    "Gaussian",
    "HaarColumns",
    "HaarRows",
    "HeNormal",
    "HeUniform",
    "HeavyTailed",
    "Orthogonal",
    "Positive",
    "Rademacher",
    "Sphere",
    "Uniform",
    "WeightLaw",
]
