"""Formulas in LaTeX, with the names of quantities as the field writes them.

Symbols are named as they read best in text (``‖a_{l-1}‖``, ``cos²``, ``xᵀΣx``), since most formulas
are seen there first.
"""

import re
from typing import Any

import sympy as sp
from sympy.core.alphabets import greeks
from sympy.printing.latex import LatexPrinter

_SIGNS = {
    "²": "^{2}",
    "ᵀ": "^{T}",
    "⊥": r"_{\perp}",
    "∥": r"_{\parallel}",
    "‖": r"\|",
    "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "·": r"\cdot ",
    "≥": r"\geq ",
    " ": r"\,",
    "ρ": r"\rho ",
    "σ": r"\sigma ",
    "Σ": r"\Sigma ",
    "χ": r"\chi ",
    "Ξ": r"\Xi ",
    "∋": r"\ni ",
    "⁺": "^{+}",
    "θ": r"\theta ",
}
_FUNCTIONS = ("cos", "cosh", "max", "min", "sin", "tanh")
_PIECES = re.compile(r"_\{[^}]*\}|_\w+|[A-Za-z]{2,}|.")


def latex(expression: sp.Basic) -> str:
    """Return a formula in LaTeX, in ASCII characters only."""
    return str(_Printer().doprint(expression))


def latex_name(name: str) -> str:
    """Return the name of a quantity in LaTeX.

    Words become upright, ``_`` lowers what stands behind it, signs become commands; names that
    SymPy writes well (single letters, Greek letters by name, indices) are not for this function.
    """
    return "".join(_piece(piece) for piece in _PIECES.findall(name)).strip()


def _piece(piece: str) -> str:
    if piece.startswith("_") and len(piece) > 1:
        return f"_{{{latex_name(piece[1:].strip('{}'))}}}"
    if len(piece) > 1:
        return f"\\{piece}" if piece in _FUNCTIONS else rf"\mathrm{{{piece}}}"
    return _SIGNS.get(piece, piece)


class _Printer(LatexPrinter):  # type: ignore[misc]
    """SymPy's printer with our names."""

    def _deal_with_super_sub(self, string: str, style: str = "plain") -> str:
        head = string.split("_")[0]
        word = head.isalpha() and head.isascii() and len(head) > 1 and head.lower() not in greeks
        if word or not re.fullmatch(r"[\w{}+'-]+", string, re.ASCII):
            return latex_name(string)
        return str(super()._deal_with_super_sub(string, style))

    def _hprint_Function(self, func: str) -> Any:
        return latex_name(func) if not func.isascii() else super()._hprint_Function(func)
