"""State, predict and test theorems about modified-backpropagation attributions.

Notation: ``a_0 = x``, ``z_l = W_l a_{l-1} + b_l``, ``a_l = relu(z_l)``, logits ``z_L``; ``m_l`` is
the mask ``1[z_l > 0]`` and ``g_l`` the relevance that arrives at ``a_l``. A rule turns ``g_l`` into
coefficients ``c_l``, and ``g_{l-1} = W_lᵀ c_l`` is the combined weight of the neurons of layer l.
"""

from alignment_theory.alignment import Measured, cosine
from alignment_theory.attribution import Attribution, attribute
from alignment_theory.explicit import combined_weight, layer_matrix
from alignment_theory.layers import Dense, Flatten, Layer, Linear, Relu, Reshape, Switch
from alignment_theory.ledger import Ledger
from alignment_theory.network import Network, Site, Trace
from alignment_theory.rules import *  # noqa: F403
from alignment_theory.rules import __all__ as _rules
from alignment_theory.rules.dialects import DIALECTS, dialect

__version__ = "0.1.0"

__all__ = [  # noqa: PLE0604
    "DIALECTS",
    "Attribution",
    "Dense",
    "Flatten",
    "Layer",
    "Ledger",
    "Linear",
    "Measured",
    "Network",
    "Relu",
    "Reshape",
    "Site",
    "Switch",
    "Trace",
    "attribute",
    "combined_weight",
    "cosine",
    "dialect",
    "layer_matrix",
    *_rules,
]
