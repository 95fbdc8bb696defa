"""Attribute an output to the input: the fast backward recursion over a trace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.alignment import Measured, cosine
from alignment_theory.arrays import Array, as_array, overflowed
from alignment_theory.layers import Linear, Reshape, Residual, Selection, Switch
from alignment_theory.ledger import Ledger
from alignment_theory.network import Network
from alignment_theory.rules.base import Crossing, Form, Method, Rule
from alignment_theory.rules.gates import Gradient
from alignment_theory.rules.reference import Averaged
from alignment_theory.threads import one_pool
from alignment_theory.trace import Site, Trace


@dataclass(frozen=True, eq=False)
class Attribution:
    """What a method assigned, at every position of the network.

    ``batched`` arrays have the batch axis; the public properties come as the input was given.

    Attributes
    ----------
    trace : Trace
        The forward run that is explained.
    method : Method
        The method asked for, ``rules`` what it gave each layer, by their numbers.
    targets : array (batch,)
        The explained output of every sample, -1 where the seed was given as an array.
    crossings : tuple of Crossing
        What each layer did to the relevance, layer 0 first.
    top : array
        The relevance that started the pass, at the output.
    runs : tuple of (weight, Attribution)
        The backward passes averaged over, empty for a single pass.
    """

    trace: Trace
    method: Method
    rules: tuple[Rule, ...]
    targets: Array
    crossings: tuple[Crossing, ...]
    top: Array
    runs: tuple[tuple[float, "Attribution"], ...] = ()

    @cached_property
    def batched(self) -> tuple[Array, ...]:
        """Relevance at every position, with the batch axis."""
        return (*(crossing.relevance for crossing in self.crossings), self.top)

    @cached_property
    def relevance(self) -> Array:
        """The attribution of the input, in the input's shape; ValueError where it overflows."""
        with np.errstate(over="ignore", invalid="ignore"):
            finished = self.method.finish(self.batched[0], self.trace)
        if overflowed(finished):
            raise ValueError(
                f"{self.method.name}: the attribution overflowed {finished.dtype} when multiplied "
                "with the input; scale the input or the network"
            )
        return self.trace.unbatched(finished)

    @cached_property
    def relevances(self) -> tuple[Array, ...]:
        """What travelled, at every position: g (signal form) or R (relevance form)."""
        return tuple(self.trace.unbatched(values) for values in self.batched)

    @cached_property
    def gates(self) -> tuple[Array, ...]:
        """What each switch multiplied the relevance with, input side first."""
        return tuple(
            self.trace.unbatched(crossing.gates)
            for outer in self.crossings
            for crossing in outer.with_inner
            if crossing.gates is not None
        )

    @cached_property
    def ledger(self) -> Ledger:
        """Where relevance was kept and lost, layer by layer."""
        if self.runs:
            raise ValueError(f"{self.method.name} averages several passes; see .runs for theirs")
        values = list(self.batched)
        with np.errstate(over="ignore", invalid="ignore"):
            losses = [
                _losses(self.rules, above, crossing, site)
                for above, crossing, site in zip(
                    values[1:], self.crossings, self.trace.sites, strict=True
                )
            ]
            if self.method.form is Form.SIGNAL:
                places = [site.input for site in self.trace.sites] + [self.trace.sites[-1].output]
                values = [a * g for a, g in zip(places, values, strict=True)]
            return Ledger.from_losses(values, losses)

    def alignment(self) -> Measured:
        """Return cos(g, a) at every level a_0, ..., a_{L-1}: (levels, batch), or (levels,).

        NaN where the activations or the relevance are all 0, with the reason.
        """
        rows = []
        for k in self.trace.network.levels:
            row = cosine(self.batched[k], self.trace.sites[k].input, ("relevance", "activations"))
            rows.append(Measured(*map(self.trace.unbatched, (row.values, row.reasons))))
        return Measured.stack(rows)

    def rule_table(self) -> str:
        """Return a table of which rule each layer got."""
        layers = self.trace.network.all_layers
        names = [
            "passes" if isinstance(layer, Reshape) else rule.name
            for layer, rule in zip(layers, self.rules, strict=True)
        ]
        width = max(len(repr(layer)) for layer in layers)
        lines = [f"{'layer':>5}  {'kind':<{width}}  rule"]
        for index, (layer, name) in enumerate(zip(layers, names, strict=True)):
            lines.append(f"{index:>5}  {layer!r:<{width}}  {name}")
        return "\n".join(lines)


def attribute(
    network: Network | Trace,
    inputs: ArrayLike | None = None,
    *,
    rule: Method,
    target: ArrayLike | None = None,
    seed: str | ArrayLike | None = None,
) -> Attribution:
    """Explain outputs of a network by a backward pass.

    Parameters
    ----------
    network : Network or Trace
        With a Trace, `inputs` is left out and the forward run is reused.
    inputs : array (batch, ...) or one sample (...)
    rule : Method
        A rule, a composite or one of the reference methods.
    target : int or array (batch,) of int, optional
        The output to explain; by default the largest one of each sample.
    seed : {"unit", "logit"} or array, optional
        What starts at the target: 1, or the logit. By default 1 for signals and excitation
        backprop and the logit for relevance. An array of the output's shape starts as it is.

    Raises
    ------
    ValueError
        For inputs as in `Network.forward`, targets out of range, an unknown seed, and where the
        relevance overflows.
    """
    trace = _trace(network, inputs)
    if not isinstance(rule, Method):
        raise ValueError(
            f"attribute: rule must be a rule object such as GuidedBackprop(), got {rule!r}"
        )
    if isinstance(rule, Averaged):
        return _average(trace, rule, target, seed)
    bound = rule.bind(trace)
    targets, top = _start(trace, bound, target, seed)
    rules = bound.assign(trace.network)
    with np.errstate(over="ignore", invalid="ignore"), one_pool():
        crossings, _ = _descend(trace.sites, rules, top)
    return Attribution(trace, bound, rules, targets, crossings, top)


def _trace(network: Network | Trace, inputs: ArrayLike | None) -> Trace:
    if isinstance(network, Trace):
        if inputs is not None:
            raise ValueError("attribute: a Trace has its input already; leave inputs out")
        return network
    if not isinstance(network, Network):
        raise ValueError(f"attribute: expected a Network or a Trace first, got {network!r}")
    if inputs is None:
        raise ValueError("attribute: inputs are missing; give them, or a Trace")
    return network.forward(inputs)


def _descend(
    sites: Sequence[Site], rules: Sequence[Rule], relevance: Array
) -> tuple[tuple[Crossing, ...], Array]:
    """Return the crossings of sites, the lowest first, and what arrives below all of them."""
    crossings: list[Crossing] = []
    for site in reversed(sites):
        crossings.append(_cross(site, rules, relevance))
        relevance = crossings[-1].relevance
        if overflowed(relevance):
            raise ValueError(
                f"layer {site.index}: the relevance below it overflowed {relevance.dtype} "
                f"under {rules[site.index].name}; give the rule a larger epsilon, or scale the "
                "network"
            )
    return tuple(reversed(crossings)), relevance


def _cross(site: Site, rules: Sequence[Rule], relevance: Array) -> Crossing:
    rule = rules[site.index]
    if isinstance(site.layer, Residual):
        shared = rule.cross_linear(relevance, site.sum)
        sides = [
            _descend(branch, rules, np.ascontiguousarray(shared.relevance[:, k]))
            for k, branch in enumerate(site.branches)
        ]
        (body, left), (shortcut, right) = sides
        return Crossing(left + right, shared=shared, branches=(body, shortcut))
    if isinstance(site.layer, Switch):
        return rule.cross_switch(relevance, site)
    if isinstance(site.layer, Linear):
        return rule.cross_linear(relevance, site)
    if isinstance(site.layer, Selection):
        return rule.cross_selection(relevance, site)
    assert isinstance(site.layer, Reshape)
    return Crossing(site.layer.pullback(relevance, site.input.shape[1:]))


def _losses(
    rules: Sequence[Rule], above: Array, crossing: Crossing, site: Site
) -> Mapping[str, Array]:
    """Return what the crossing of a layer lost, by ledger term; inside a residual all together."""
    if crossing.shared is None:
        return rules[site.index].losses(above, crossing, site)
    parts = [rules[site.index].losses(above, crossing.shared, site.sum)]
    for k, (sites, crossings) in enumerate(zip(site.branches, crossing.branches, strict=True)):
        arriving = crossing.shared.relevance[:, k]
        for inner, crossed in reversed(list(zip(sites, crossings, strict=True))):
            parts.append(_losses(rules, arriving, crossed, inner))
            arriving = crossed.relevance
    total: dict[str, Array] = {}
    for name, lost in (entry for part in parts for entry in part.items()):
        total[name] = total[name] + lost if name in total else lost
    return total


def _start(
    trace: Trace, method: Method, target: ArrayLike | None, seed: str | ArrayLike | None
) -> tuple[Array, Array]:
    logits = trace.sites[-1].output
    seed = method.seed if seed is None else seed
    if not isinstance(seed, str):
        if target is not None:
            raise ValueError("attribute: give either a target or a seed array, not both")
        start = as_array(seed, "seed", logits.dtype)
        if start.shape not in (logits.shape, trace.network.output_shape):
            raise ValueError(
                f"attribute: seed must have the output's shape {logits.shape}, got {start.shape}"
            )
        return np.full(len(logits), -1), np.broadcast_to(start, logits.shape).copy()
    if seed not in ("unit", "logit"):
        raise ValueError(f"attribute: seed must be 'unit', 'logit' or an array, got {seed!r}")
    flat = logits.reshape(len(logits), -1)
    targets = check_targets(target, flat)
    rows = np.arange(len(flat))
    top = 0 * flat
    top[rows, targets] = flat[rows, targets] if seed == "logit" else 0 * flat[rows, targets] + 1
    return targets, top.reshape(logits.shape)


def check_targets(target: ArrayLike | None, logits: Array) -> Array:
    """Return one valid output index per sample; None means the largest output."""
    outputs = logits.shape[1]
    if target is None:
        return np.asarray(logits.argmax(axis=1))
    try:
        targets = np.asarray(target)
    except ValueError as error:
        raise ValueError(f"target: expected an integer or one per sample ({error})") from None
    if targets.dtype.kind not in "iu" or targets.shape not in ((), (len(logits),)):
        raise ValueError(
            f"target: expected an integer or {len(logits)} integers (one per sample), got "
            f"{targets.dtype} of shape {targets.shape}"
        )
    if ((targets < 0) | (targets >= outputs)).any():
        wrong = targets[(targets < 0) | (targets >= outputs)].flat[0]
        raise ValueError(f"target: expected 0 to {outputs - 1} (the outputs), got {wrong}")
    return np.broadcast_to(targets, len(logits)).copy()


def _average(
    trace: Trace, method: Averaged, target: ArrayLike | None, seed: str | ArrayLike | None
) -> Attribution:
    inputs = trace.sites[0].input
    if isinstance(seed, str) and seed == "logit":
        raise ValueError(f"{method.name} averages gradients; seed 'logit' has no meaning for it")
    targets, top = _start(trace, method, target, seed)
    points, weights = method.points(inputs)
    runs = []
    mean = [np.zeros_like(values) for values in (*(s.input for s in trace.sites), top)]
    for point, weight in zip(points, weights, strict=True):
        run = attribute(trace.network, point, rule=Gradient(), seed=top)
        runs.append((weight, run))
        mean = [m + weight * r for m, r in zip(mean, run.batched, strict=True)]
    crossings = tuple(Crossing(values) for values in mean[:-1])
    return Attribution(
        trace, method, method.assign(trace.network), targets, crossings, top, tuple(runs)
    )
