"""Where relevance passed a layer, inside residuals too."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution
from alignment_theory.layers import Linear, Reshape, Selection, Switch
from alignment_theory.rules.base import Crossing, Rule
from alignment_theory.trace import Site


@dataclass(frozen=True, eq=False)
class Passage:
    """One layer with the relevance above and below it.

    Attributes
    ----------
    site : Site
        Of a residual that of the sum that ends it; its inner layers have passages of their own.
    rule : Rule
    crossing : Crossing
    above : Array
        The relevance that arrived at the layer's output.
    following : sequence of Site
        The layers above it, up to the output or to the end of the side of a residual.
    """

    site: Site
    rule: Rule
    crossing: Crossing
    above: Array
    following: Sequence[Site]

    @property
    def below(self) -> Array:
        """The relevance that was handed down."""
        return self.crossing.relevance

    @property
    def met(self) -> Site | None:
        """The next layer above that is neither a reshape nor a selection, None for none."""
        passing = (Reshape, Selection)
        return next((site for site in self.following if not isinstance(site.layer, passing)), None)

    @property
    def next(self) -> Site | None:
        """The next layer above that is no reshape, None for none."""
        return next((site for site in self.following if not isinstance(site.layer, Reshape)), None)

    @property
    def filtered(self) -> bool:
        """Whether it is a linear layer whose output meets a switch, if pooled perhaps."""
        switched = self.met is not None and isinstance(self.met.layer, Switch)
        return isinstance(self.site.layer, Linear) and switched


def passages(attribution: Attribution) -> Iterator[Passage]:
    """Yield the passages of an attribution, from the output down."""
    parts = (attribution.trace.sites, attribution.crossings, attribution.top)
    return _passages(attribution.rules, *parts)


def linear_passages(attribution: Attribution) -> Iterator[Passage]:
    """Yield the passages of linear layers, from the output down."""
    return (one for one in passages(attribution) if isinstance(one.site.layer, Linear))


def _passages(
    rules: Sequence[Rule], sites: Sequence[Site], crossings: Sequence[Crossing], above: Array
) -> Iterator[Passage]:
    for k in reversed(range(len(sites))):
        site, crossing, following = sites[k], crossings[k], sites[k + 1 :]
        rule = rules[site.index]
        if crossing.shared is None:
            yield Passage(site, rule, crossing, above, following)
        else:
            shared = crossing.shared
            yield Passage(site.sum, rule, shared, above, following)
            for b, (inner, crossed) in enumerate(
                zip(site.branches, crossing.branches, strict=True)
            ):
                yield from _passages(rules, inner, crossed, shared.relevance[:, b])
        above = crossing.relevance
