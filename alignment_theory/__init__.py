"""State, predict and test theorems about modified-backpropagation attributions.

Notation: ``a_0 = x``, ``z_l = W_l a_{l-1} + b_l``, ``a_l = relu(z_l)``, logits ``z_L``; ``m_l`` is
the mask ``1[z_l > 0]`` and ``g_l`` the relevance that arrives at ``a_l``. A rule turns ``g_l`` into
coefficients ``c_l``, and ``g_{l-1} = W_lᵀ c_l`` is the combined weight of the neurons of layer l.

The engine is imported at once; theorems, verdicts and models (which need SymPy, SciPy and
scikit-learn) when they are first asked for.
"""

from typing import TYPE_CHECKING

from alignment_theory.alignment import Measured, cosine
from alignment_theory.attribution import Attribution, attribute
from alignment_theory.convergence import Convergence, convergence
from alignment_theory.explicit import combined_weight, layer_matrix
from alignment_theory.layers import *  # noqa: F403
from alignment_theory.layers import __all__ as _layers
from alignment_theory.ledger import Ledger
from alignment_theory.network import Network
from alignment_theory.rules import *  # noqa: F403
from alignment_theory.rules import __all__ as _rules
from alignment_theory.rules.dialects import DIALECTS, dialect
from alignment_theory.trace import Site, Trace

if TYPE_CHECKING:
    from alignment_theory.models import (
        cifar10,
        digits,
        digits_classifier,
        fold_batch_norm,
        from_sklearn,
        from_torch,
        load,
        save,
        train,
    )
    from alignment_theory.similarity import Similarity
    from alignment_theory.theory import (
        CATALOGUE,
        Choice,
        Claim,
        Hypothesis,
        Number,
        Prediction,
        Theorem,
        Widths,
        contrast_normalised,
        theorem,
    )
    from alignment_theory.verification.any_rule import verify_rule
    from alignment_theory.verification.own import judge
    from alignment_theory.verification.run import verify
    from alignment_theory.verification.verdict import Outcome, Verdict

__version__ = "0.1.0"

_LATER = {
    "CATALOGUE": "theory",
    "Choice": "theory",
    "Claim": "theory",
    "Hypothesis": "theory",
    "Number": "theory",
    "Prediction": "theory",
    "Theorem": "theory",
    "Widths": "theory",
    "contrast_normalised": "theory",
    "theorem": "theory",
    "Similarity": "similarity",
    "judge": "verification.own",
    "Outcome": "verification.verdict",
    "Verdict": "verification.verdict",
    "verify": "verification.run",
    "verify_rule": "verification.any_rule",
    "cifar10": "models",
    "digits": "models",
    "digits_classifier": "models",
    "fold_batch_norm": "models",
    "from_sklearn": "models",
    "from_torch": "models",
    "load": "models",
    "save": "models",
    "train": "models",
}

__all__ = [  # noqa: PLE0604
    "CATALOGUE",
    "DIALECTS",
    "Attribution",
    "Choice",
    "Claim",
    "Convergence",
    "Hypothesis",
    "Ledger",
    "Measured",
    "Network",
    "Number",
    "Outcome",
    "Prediction",
    "Similarity",
    "Site",
    "Theorem",
    "Trace",
    "Verdict",
    "Widths",
    "attribute",
    "cifar10",
    "combined_weight",
    "contrast_normalised",
    "convergence",
    "cosine",
    "dialect",
    "digits",
    "digits_classifier",
    "fold_batch_norm",
    "from_sklearn",
    "from_torch",
    "judge",
    "layer_matrix",
    "load",
    "save",
    "theorem",
    "train",
    "verify",
    "verify_rule",
    *_layers,
    *_rules,
]


def __getattr__(name: str) -> object:
    """Import what needs a heavy library when it is first asked for (PEP 562)."""
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(f"alignment_theory.{_LATER[name]}"), name)
    raise AttributeError(f"module 'alignment_theory' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
