"""What is true of a rule, the user's own included: judged on random networks."""

from collections.abc import Iterator, Sequence

import numpy as np

from alignment_theory.attribution import Attribution, attribute
from alignment_theory.rules import Method
from alignment_theory.rules.base import Form
from alignment_theory.verification import bounds, identities
from alignment_theory.verification.comparisons import Comparison, judge_comparisons
from alignment_theory.verification.subjects import Subject, random_subjects
from alignment_theory.verification.verdict import Verdict

NEGATIVE_FILTERING = "negative filtering rule"


def negative_filtering(
    subjects: Sequence[Subject], rules: Sequence[Method]
) -> Iterator[Comparison]:
    """Compare what leaves every switch with 0: c >= 0 everywhere, and c = 0 on inactive units.

    Seeded with 1 at the largest and at the least output of each sample.
    """
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        logits = trace.sites[-1].output
        for rule in rules:
            for target in (logits.argmax(axis=1), logits.argmin(axis=1)):
                attribution = attribute(trace, rule=rule, target=target, seed="unit")
                yield from _coefficients(f"{subject.name}: {rule.name}", attribution)


def _coefficients(label: str, attribution: Attribution) -> Iterator[Comparison]:
    for site, crossing in zip(attribution.trace.sites, attribution.crossings, strict=True):
        if site.mask is None:
            continue
        c, mask = (v.reshape(len(v), -1) for v in (crossing.relevance, site.mask))
        none = np.zeros(c.shape)
        scale = np.where(np.abs(c).max(axis=1, keepdims=True) > 0, 1.0, 0.0)
        place = f"{label}, switch at layer {site.index}"
        yield Comparison(f"{place}, c >= 0", c, none, none, scale, low_only=True)
        outside = np.where(mask, 0, c)
        yield Comparison(f"{place}, c on inactive units", outside, none, none, scale)


def verify_rule(rule: Method, *, seed: int = 0) -> list[Verdict]:
    """Judge which statements are true of a rule, on random networks with and without bias.

    The negative filtering rule (coefficients c_l >= 0 with support inside the mask; refuted by a
    witness, never proved by examples), that the fast recursion equals the explicit product, that
    the ledger closes (every loss has a name; not that nothing is lost), and for signals that the
    attribution never points away from the input.

    Raises
    ------
    ValueError
        For methods that average several passes: judge the rule that they average.
    """
    rng = np.random.default_rng(seed)
    free, biased = random_subjects(rng), random_subjects(rng, bias=0.3)
    if attribute(free[0].network, free[0].inputs, rule=rule).runs:
        raise ValueError(f"verify_rule: {rule.name} averages several passes of another rule")
    rules = [rule]
    evidence = {
        NEGATIVE_FILTERING: negative_filtering(free + biased, rules),
        "combined-weight": identities.combined_weights(free + biased, rules=rules),
        "ledger closes": identities.conservation(free + biased, rules=rules, conserving=()),
    }
    if rule.form is Form.SIGNAL:
        evidence["nfr-sign"] = bounds.nfr_sign(free, rules=rules)
    return [
        judge_comparisons(name, f"random networks, {rule.name}", comparisons)
        for name, comparisons in evidence.items()
    ]
