"""One random layer: the alignment curve, the best filter and threshold, sparsity, pooling."""

from collections.abc import Iterator
from dataclasses import replace

from alignment_theory.ensembles import Anisotropic
from alignment_theory.rules import Deconvnet, Gradient
from alignment_theory.theory.one_layer import (
    ALIGNMENT_CURVE,
    BEST_THRESHOLD,
    DECONVNET_NEEDS_A_GATE,
    SPARSITY_LAW,
)
from alignment_theory.verification.checks import Check
from alignment_theory.verification.exact_laws import SameLaw
from alignment_theory.verification.ladder import Column, Ladder, Rung
from alignment_theory.verification.layer_sampling import EngineLayer, PooledLayer, ReducedLayer
from alignment_theory.verification.samplers import Sampler
from alignment_theory.verification.variants import (
    OddsTimes,
    Operator,
    RemainderTimes,
    Shifted,
    SquareDropped,
    Swapped,
    Variant,
)
from alignment_theory.verification.verdict import Outcome

PI = 3.141592653589793
SCALES = (25, 50, 100, 200, 400, 1600)
ONLY_THOROUGH = (25, 100, 400)
SHARP = 50
DEAR = 9
"""Pool size from which too many numbers would be drawn to resolve the 1/n term."""

SMALL = {"n": 40, "d": 20}
"""Twice as many neurons as inputs, so that n and d cannot be mistaken for each other."""


def ladder(engine: Sampler, reduced: Sampler, **fixed: int) -> tuple[Rung, ...]:
    """Return rungs of 2k neurons on k inputs: one for the engine, the rest for the other."""
    rungs = [Rung(engine, {"n": 100, "d": 50, **fixed}, 50)]
    for k in SCALES:
        rungs.append(
            Rung(
                reduced,
                {"n": 2 * k, "d": k, **fixed},
                k,
                k in ONLY_THOROUGH,
                k == SHARP and fixed.get("p", 0) < DEAR,
            )
        )
    return tuple(rungs)


def curve(name: str, engine: EngineLayer, s: float = 0.0) -> Ladder:
    """Return the check of the alignment curve for one law of coefficients."""
    rungs = ladder(engine, ReducedLayer(name, s))
    columns = (Column(name, {"coefficients": name, "s": s}),)
    return Ladder(ALIGNMENT_CURVE, f"one layer, {name}", "E cos²", rungs, columns)


ACTIVE = curve("active", EngineLayer())
GUIDED = curve("guided", EngineLayer("guided"))
CASCADE = curve("cascade", EngineLayer("cascade"))
TOP = curve("top", EngineLayer("top", s=BEST_THRESHOLD), BEST_THRESHOLD)
BIASES = (-1.5, -BEST_THRESHOLD, 1.0)


def sparsity(beta: float) -> Ladder:
    """Return the check of the sparsity law at one bias."""
    rungs = ladder(EngineLayer(bias=beta), ReducedLayer("top", -beta))
    columns = (Column("", {"beta": beta}),)
    return Ladder(SPARSITY_LAW, f"one layer, β = {beta:.3g}", "E cos²", rungs, columns)


def pooling(name: str, p: int) -> Ladder:
    """Return the check of max-pooling over p neurons."""
    rungs = ladder(PooledLayer(name), ReducedLayer(name), p=p)
    columns = (Column("", {"coefficients": name}),)
    setting = f"max-pooling over {p}, {'DeconvNet' if 'deconv' in name else 'winner counts 1'}"
    return Ladder(DECONVNET_NEEDS_A_GATE, setting, "E cos²", rungs, columns)


UNGATED = Ladder(
    DECONVNET_NEEDS_A_GATE,
    "no pooling, DeconvNet",
    "E cos²",
    (Rung(EngineLayer("guided", Deconvnet()), {"n": 60, "d": 8, "p": 1}, 8),),
    coarser=3.0,
)
POOLS = (pooling("pool", 2), pooling("pool-deconvnet", 4), pooling("pool-deconvnet", 9))


def _checks() -> Iterator[Check]:
    yield from (ACTIVE, GUIDED, CASCADE, TOP)
    for name, engine in (("active", EngineLayer()), ("guided", EngineLayer("guided"))):
        setting = f"one layer, {name}, two gatherers"
        yield SameLaw(ALIGNMENT_CURVE, setting, "cos²", engine, ReducedLayer(name), SMALL)
    yield from map(sparsity, BIASES)
    yield UNGATED
    yield from POOLS
    sampler, sizes = PooledLayer("pool-deconvnet"), {**SMALL, "p": 4}
    other = ReducedLayer("pool-deconvnet")
    setting = "max-pooling over 4, two gatherers"
    yield SameLaw(DECONVNET_NEEDS_A_GATE, setting, "cos²", sampler, other, sizes)


CHECKS: tuple[Check, ...] = tuple(_checks())


def _with_engine(check: Ladder, engine: Sampler) -> Ladder:
    """Return the check on the engine's rungs alone, drawn from another sampler."""
    rungs = tuple(
        replace(rung, sampler=engine)
        for rung in check.rungs
        if isinstance(rung.sampler, type(engine))
    )
    return replace(check, rungs=rungs)


def _formula_errors() -> Iterator[Variant]:
    for check, error, factor in (
        (ACTIVE, "π → 3.2", 3.2 / PI),
        (GUIDED, "π² → 9.5", 9.5 / PI**2),
        (CASCADE, "2 → 2.1", 2.1 / 2),
        (TOP, "κ* → 2.5", 2.5 / 2.46967),
        (sparsity(-1.5), "Φ(β) → Φ(-β)/14", 1.05),
        (POOLS[0], "π → 3", 3 / PI),
        (POOLS[2], "e_9 → e_9 + 2 %", 1 / 1.02**2),
    ):
        yield Variant(Operator.CONSTANT, error, replace(check, predict=OddsTimes(factor)))
    for check in (ACTIVE, GUIDED, CASCADE, TOP, sparsity(1.0), POOLS[1]):
        yield Variant(Operator.DEGREES, "d - 1 → d", replace(check, predict=Shifted("d", 1)))
        yield Variant(Operator.SWAP, "n ↔ d", replace(check, predict=Swapped("n", "d")))
        yield Variant(Operator.SQUARE, "cos² → cos", replace(check, predict=SquareDropped()))
        halved = replace(check, predict=RemainderTimes(0.5))
        yield Variant(Operator.REMAINDER, "1/n term halved", halved)
    other = replace(UNGATED, predict=Shifted("d", -1))
    yield Variant(Operator.DEGREES, "1/d → 1/(d - 1)", other)
    flipped = replace(sparsity(1.0), columns=(Column("", {"beta": -1.0}),))
    yield Variant(Operator.INEQUALITY, "β → -β", flipped)


def _dropped_hypotheses() -> Iterator[Variant]:
    drops: tuple[tuple[str, str, EngineLayer], ...] = (
        ("gaussian-weights", "anisotropic rows", EngineLayer(law=Anisotropic(0.1))),
        ("bias-free", "a bias of -σ‖x‖", EngineLayer(bias=-1.0)),
        ("sees-z-only", "coefficients read the weights", EngineLayer("peeking")),
        ("iid-neurons", "every row twice", EngineLayer(repeats=2)),
        ("nonzero-input", "x = 0", EngineLayer(zero_input=True)),
    )
    for hypothesis, error, engine in drops:
        check = _with_engine(ACTIVE, engine)
        dead = Outcome.VACUOUS if engine.zero_input else Outcome.FAILS
        yield Variant(Operator.HYPOTHESIS, error, check, hypothesis, dead)
        if hypothesis != "bias-free":
            changed = replace(engine, bias=0.0 if engine.zero_input else 1.0)
            check = _with_engine(sparsity(1.0), changed)
            yield Variant(Operator.HYPOTHESIS, error, check, hypothesis, dead)

    uneven = _with_engine(sparsity(1.0), EngineLayer(bias=1.0, spread=1.0))
    yield Variant(Operator.HYPOTHESIS, "biases of many sizes", uneven, "one-bias")
    pools: tuple[tuple[str, str, PooledLayer], ...] = (
        ("gaussian-weights", "anisotropic rows", PooledLayer("pool", law=Anisotropic(0.1))),
        ("one-bias", "biases of many sizes", PooledLayer("pool", spread=1.0)),
        ("sees-z-only", "coefficients read the weights", PooledLayer("pool", peeking=True)),
        ("winner-only", "every neuron of the pool passes", PooledLayer("pool", gated=False)),
    )
    for hypothesis, error, sampler in pools:
        check = _with_engine(POOLS[0], sampler)
        yield Variant(Operator.HYPOTHESIS, error, check, hypothesis)


def _engine_errors() -> Iterator[Variant]:
    check = _with_engine(ACTIVE, EngineLayer(rule=Deconvnet()))
    yield Variant(Operator.GATE, "no forward mask", check)
    check = _with_engine(GUIDED, EngineLayer("guided", Gradient()))
    yield Variant(Operator.ENGINE, "Guided Backprop without sign gate", check)
    check = _with_engine(TOP, EngineLayer("top", s=BEST_THRESHOLD + 0.3))
    yield Variant(Operator.ENGINE, "threshold 0.3 too high", check)
    check = _with_engine(UNGATED, EngineLayer("guided"))
    yield Variant(Operator.GATE, "a forward mask after all", check)


VARIANTS: tuple[Variant, ...] = (
    *_formula_errors(),
    *_dropped_hypotheses(),
    *_engine_errors(),
)
