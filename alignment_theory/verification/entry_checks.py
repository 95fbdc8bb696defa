"""Checks and planted errors of the theorem `universality`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from alignment_theory.ensembles import HeavyTailed, HeUniform, Rademacher, Uniform, WeightLaw
from alignment_theory.rules import Deconvnet
from alignment_theory.theory.entry_kurtosis import input_moments
from alignment_theory.theory.other_laws import UNIVERSALITY
from alignment_theory.verification.checks import Check
from alignment_theory.verification.families import Family
from alignment_theory.verification.ladder import Column, Ladder, Rung
from alignment_theory.verification.other_sampling import (
    GivenLayer,
    OppositeRows,
    Skewed,
    always,
    constant,
    nothing,
    three,
    wave,
)
from alignment_theory.verification.variants import (
    OddsTimes,
    Operator,
    RemainderTimes,
    Shifted,
    SquareDropped,
    Variant,
)
from alignment_theory.verification.verdict import Outcome

LAWS: dict[str, tuple[str, WeightLaw]] = {
    "uniform": ("uniform", Uniform()),
    "He-uniform": ("uniform", HeUniform()),
    "±1": ("rademacher", Rademacher()),
}
FEW = (1.0, 0.7, 0.4)
SMALL = {"n": 32, "d": 16}
SIZES = ({"n": 100, "d": 50}, {"n": 200, "d": 50}, {"n": 200, "d": 200})
FEW_SIZES = ({"n": 400, "d": 40}, {"n": 200, "d": 200})


def spread_out(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the theorem's arguments for the input `wave` of d entries."""
    told = dict(parameters)
    told["iota"], told["iota_6"] = input_moments(wave(told["d"]))
    return told


def on_few(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the theorem's arguments for the input on three coordinates."""
    return {**parameters, "x": FEW}


def layer(law: WeightLaw, **changes: Any) -> GivenLayer:
    """Return the engine's sampler for one law of entries."""
    return GivenLayer(partial(always, law), **changes)


def delocalised(name: str) -> Ladder:
    """Return the check of E cos² on a spread-out input."""
    entries, law = LAWS[name]
    rungs = tuple(
        Rung(layer(law), sizes, sizes["d"], thorough=index > 1) for index, sizes in enumerate(SIZES)
    )
    column = Column("", {"entries": entries})
    setting = f"spread-out input, {name} entries"
    return Ladder(UNIVERSALITY, setting, "E cos²", rungs, (column,), Family(spread_out))


def concentrated(name: str) -> Ladder:
    """Return the check of E cos² on an input of three coordinates."""
    entries, law = LAWS[name]
    aims = {"inputs": three, "aims": (three,)}
    rungs = tuple(Rung(layer(law, **aims), sizes, sizes["d"]) for sizes in FEW_SIZES)
    column = Column("", {"entries": entries})
    setting = f"three coordinates, {name} entries"
    return Ladder(UNIVERSALITY, setting, "E cos²", rungs, (column,), Family(on_few))


def half_mean(name: str) -> Ladder:
    """Return the check of S; its margin is relative to the kurtosis term."""
    entries, law = LAWS[name]
    sizes = {"n": 1024, "d": 16}
    told = spread_out({**sizes, "entries": entries, "quantity": "half-mean"})
    term = abs(float(UNIVERSALITY.predict(**told).terms["kurtosis term"]))
    column = Column("", {"entries": entries, "quantity": "half-mean"}, term)
    return Ladder(
        UNIVERSALITY,
        f"kurtosis term of S, {name} entries",
        "E[z 1(z > 0)]",
        (Rung(OppositeRows(law), sizes, 16),),
        (column,),
        Family(spread_out),
        coarser=8.0,
    )


SPREAD = {name: delocalised(name) for name in LAWS}
CONCENTRATED = {name: concentrated(name) for name in ("uniform", "±1")}
HALF = {"uniform": half_mean("uniform")}
ENTRY_CHECKS: tuple[Check, ...] = (
    *SPREAD.values(),
    *CONCENTRATED.values(),
    *HALF.values(),
)


def _drawn_from(check: Ladder, sampler: GivenLayer, sizes: Mapping[str, int] | None) -> Ladder:
    told = (check.rungs[0].sizes,) if sizes is None else (sizes,)
    return replace(check, rungs=tuple(Rung(sampler, one) for one in told))


def _variants() -> Iterator[Variant]:
    plain, few = SPREAD["uniform"], CONCENTRATED["±1"]
    for check in (plain, CONCENTRATED["uniform"]):
        base = check.predict
        assert isinstance(base, Family)
        for operator, error, change in (
            (Operator.CONSTANT, "κ 8 % too large", OddsTimes(1.08)),
            (Operator.DEGREES, "d - 1 → d + 1", Shifted("d", 2)),
            (Operator.SQUARE, "cos² → cos", SquareDropped()),
        ):
            sizes = SMALL if check is plain else {"n": 80, "d": 20}
            small = replace(check, rungs=(Rung(check.rungs[0].sampler, sizes),))
            where = small if operator is Operator.DEGREES else check
            yield Variant(operator, error, replace(where, predict=replace(base, change=change)))
        swapped = replace(base, swapped=("n", "d"))
        yield Variant(Operator.SWAP, "n ↔ d", replace(check, predict=swapped))
    for check in HALF.values():
        for operator, error, factor in (
            (Operator.TERM, "kurtosis term dropped", 0.0),
            (Operator.REMAINDER, "kurtosis term halved", 0.5),
            (Operator.CONSTANT, "1/24 → 1/12", 2.0),
            (Operator.INEQUALITY, "γ_2 → -γ_2", -1.0),
        ):
            wrong = Family(spread_out, RemainderTimes(factor))
            yield Variant(operator, error, replace(check, predict=wrong))
    yield from _dropped_hypotheses()
    ungated = _drawn_from(plain, layer(Uniform(), rule=Deconvnet()), None)
    yield Variant(Operator.GATE, "no forward mask", ungated)
    gaussian = replace(few, columns=(Column("", {"entries": "gaussian"}),))
    yield Variant(
        Operator.HYPOTHESIS, "the Gaussian law on three coordinates", gaussian, "delocalised"
    )


def _dropped_hypotheses() -> Iterator[Variant]:
    plain = SPREAD["uniform"]
    tied = layer(Rademacher(), inputs=constant, aims=(constant,))
    large = _drawn_from(SPREAD["±1"], tied, {"n": 128, "d": 64})
    words = "±1 entries on a constant input"
    yield Variant(Operator.HYPOTHESIS, words, large, "no-ties")
    for hypothesis, error, sampler in (
        ("iid-entries", "rows of random length", layer(HeavyTailed(2.5))),
        ("symmetric-entries", "exponential entries", layer(Skewed())),
        ("bias-free", "a bias of -σ‖x‖", layer(Uniform(), bias=-1.0)),
        ("one-on-active", "c = a", layer(Uniform(), coefficients="cascade")),
    ):
        check = _drawn_from(plain, sampler, SMALL)
        yield Variant(Operator.HYPOTHESIS, error, check, hypothesis)
    dead = _drawn_from(plain, layer(Uniform(), inputs=nothing), SMALL)
    yield Variant(Operator.HYPOTHESIS, "x = 0", dead, "nonzero-input", Outcome.VACUOUS)


ENTRY_VARIANTS: tuple[Variant, ...] = tuple(_variants())
