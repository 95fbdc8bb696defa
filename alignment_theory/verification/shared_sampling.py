"""Evidence for the law of shared weights: backward steps of random convolutional networks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution, attribute
from alignment_theory.ensembles import Gaussian, WeightLaw
from alignment_theory.layers import Conv2d, Dense, Flatten, Layer, MaxPool2d, Relu
from alignment_theory.network import Network
from alignment_theory.rounding import gamma
from alignment_theory.rules import GuidedBackprop, Method
from alignment_theory.trace import Site
from alignment_theory.verification.chains import StepPValues
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.samplers import Sampler
from alignment_theory.verification.subjects import Subject

Target = Literal["first", "largest", "heaviest row"]
PROBES = 4


@dataclass(frozen=True)
class ConvolutionPValues(Sampler):
    """One p-value a linear layer of a random convolutional network, NaN where nothing is random.

    ``F(eᵀ K⁻¹ e)`` with e what the relevance along random images is off its mean given the
    pre-activations, K its covariance, and F the distribution function of χ².

    Attributes
    ----------
    rule : Method
    law : WeightLaw
        Of the filters as a matrix (filters, k² · channels), and of the dense layer at the end.
    sigma : float
        The standard deviation of an entry that the law is told.
    bias : float
        Of every filter.
    stride : int
        Of the first convolution.
    target : {"first", "largest", "heaviest row"}
        The output explained, as in :class:`StepPValues`.
    degrees : int
        Added to the degrees of freedom (0 where the law is right).
    projected, centred : bool
        Whether I - P_X and the mean are used, as they should be.
    chosen : bool
        Whether the first probe is the relevance itself (a planted error).
    mirrored : bool
        Whether the second convolution is the transpose of the first (a planted error).
    layer : int, optional
        The one linear layer that p-values are of; all for none.
    as_dense : bool
        Whether `exact-law` of dense layers is taken for these (a planted error).
    signs : tuple of int
        As in :class:`StepPValues`: differences of adjacent p-values show dependence.
    """

    rule: Method = GuidedBackprop()  # noqa: RUF009
    law: WeightLaw = Gaussian()  # noqa: RUF009
    sigma: float = 1.0
    bias: float = 0.0
    stride: int = 1
    target: Target = "first"
    degrees: int = 0
    projected: bool = True
    centred: bool = True
    chosen: bool = False
    mirrored: bool = False
    layer: int | None = None
    as_dense: bool = False
    signs: tuple[int, ...] = (1,)

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return p-values (count, layers) for images with given `channels`, `filters` and `size`.

        Layers are the two convolutions and the dense layer, or the one that was asked for.
        """
        sizes = (parameters["channels"], parameters["filters"], parameters["size"])
        values = np.array([self._trial(rng, *sizes) for _ in range(count)])
        if self.signs == (1,):
            return values
        windows = np.lib.stride_tricks.sliding_window_view(values, len(self.signs), axis=1)
        combined: Array = (windows @ np.array(self.signs)) % 1.0
        return combined

    def _trial(
        self, rng: np.random.Generator, channels: int, filters: int, size: int
    ) -> list[float]:
        network = self._network(rng, channels, filters, size)
        last = network.layers[-1]
        assert isinstance(last, Dense)
        heaviest = int((last.weight**2).sum(axis=1).argmax())
        target = {"first": 0, "largest": None}.get(self.target, heaviest)
        image = rng.standard_normal((channels, size, size))
        attribution = attribute(network, image, rule=self.rule, target=target)
        if self.as_dense:
            return StepPValues().p_values(attribution)
        linear = [k for k, site in enumerate(attribution.trace.sites) if _weighted(site)]
        chosen = linear if self.layer is None else linear[self.layer :][:1]
        return [self._p_value(rng, attribution, k) for k in chosen]

    def _network(self, rng: np.random.Generator, channels: int, filters: int, size: int) -> Network:
        def convolution(inputs: int, stride: int) -> Conv2d:
            weight = self.law.sample(filters, 9 * inputs, rng).reshape(filters, inputs, 3, 3)
            return Conv2d(weight, np.full(filters, self.bias), stride=stride, padding=1)

        layers: list[Layer] = [convolution(channels, self.stride), Relu(), MaxPool2d(2)]
        second = convolution(filters, 1)
        if self.mirrored:
            assert isinstance(layers[0], Conv2d)
            flipped = layers[0].weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
            second = second.with_parameters(flipped, second.bias)
        layers += [second, Relu(), Flatten()]
        inputs = filters * (((size - 1) // self.stride + 1) // 2) ** 2
        return Network([*layers, Dense(self.law.sample(10, inputs, rng))], (channels, size, size))

    def _p_value(self, rng: np.random.Generator, attribution: Attribution, index: int) -> float:
        from scipy.special import chdtr

        site = attribution.trace.sites[index]
        g, c = attribution.batched[index], attribution.batched[index + 1]
        probes = rng.standard_normal((PROBES, *site.input.shape[1:]))
        if self.chosen:
            probes[0] = g[0]
        known = Known.of(site, 0)
        if known.spanned or not c.any():
            return np.nan
        rows = np.stack([_by_filter(c[0]) @ patches(site, y).T for y in probes])
        across = rows - (rows @ known.frame) @ known.frame.T if self.projected else rows
        means = np.einsum("fd,jfd->j", known.weight, rows) if self.centred else 0.0
        off = (probes * g).reshape(PROBES, -1).sum(axis=1) - means
        covariance = self.sigma**2 * np.einsum("ifd,jfd->ij", across, across)
        return float(chdtr(PROBES + self.degrees, off @ np.linalg.solve(covariance, off)))


@dataclass(frozen=True, eq=False)
class Known:
    """What one sample's pre-activations show of the weights of a layer: W on the patches' span.

    Attributes
    ----------
    frame : array (inputs of a filter, rank)
        Orthonormal directions that span the patches.
    weight : array (filters, inputs of a filter)
        ``W_X = (Z - b) X⁺``, which is W along these.
    condition : float
        Of the patches on their span.
    """

    frame: Array
    weight: Array
    condition: float

    @classmethod
    def of(cls, site: Site, sample: int, *, unbiased: bool = True) -> "Known":
        """Return what is known at a site; `unbiased` False leaves b in (a planted error)."""
        x = patches(site, site.input[sample])
        output = site.output[sample]
        z = _by_filter(output - _bias(site) if unbiased else output)
        frame, scales, right = np.linalg.svd(x, full_matrices=False)
        least = scales.max(initial=0) * max(x.shape) * np.finfo(float).eps
        rank = int((scales > least).sum())
        frame, scales = frame[:, :rank], scales[:rank]
        weight = (z @ right[:rank].T / scales) @ frame.T
        return cls(frame, weight, float(scales[0] / scales[-1]) if rank else 1.0)

    @property
    def spanned(self) -> bool:
        """Whether the patches span all inputs of a filter."""
        return self.frame.shape[0] == self.frame.shape[1]


def determined(
    subjects: Sequence[Subject],
    *,
    rule: Method = GuidedBackprop(),  # noqa: B008
    unbiased: bool = True,
) -> Iterator[Comparison]:
    """Compare the relevance at the input with what z alone says, where patches span all inputs.

    Each row of W solves ``Xᵀ w = z - b`` without residual, so by the singular values of X it is off
    by at most ``γ κ(X) ‖w‖`` (Higham 2002, section 20.1). Planted error: b left in.
    """
    for subject in subjects:
        attribution = attribute(subject.network, subject.inputs, rule=rule)
        site = attribution.trace.sites[0]
        images = np.eye(subject.inputs[0].size).reshape(-1, *subject.inputs.shape[1:])
        for sample, g in enumerate(attribution.batched[0]):
            known = Known.of(site, sample, unbiased=unbiased)
            c = _by_filter(attribution.batched[1][sample])
            rows = np.stack([c @ patches(site, y).T for y in images])
            expected = np.einsum("fd,jfd->j", known.weight, rows)
            sizes = np.linalg.norm(known.weight, axis=1)
            unit = gamma(32 * known.weight.shape[1] * c.shape[1], g.dtype) * known.condition
            bound = unit * np.linalg.norm(rows, axis=2) @ sizes
            found = g.ravel() if known.spanned else np.full(g.size, np.nan)
            scale = np.abs(expected).max()
            yield Comparison(f"{subject.name}, sample {sample}", found, expected, bound, scale)


def _weighted(site: Site) -> bool:
    return isinstance(site.layer, Conv2d | Dense)


def _by_filter(values: Array) -> Array:
    """Return values of outputs (filters, places)."""
    return values.reshape(len(values), -1)


def _bias(site: Site) -> Array:
    assert isinstance(site.layer, Conv2d | Dense)
    bias = np.zeros(1) if site.layer.bias is None else site.layer.bias
    return bias.reshape(-1, *(1,) * (site.output.ndim - 2))


def patches(site: Site, image: Array) -> Array:
    """Return what the filters of a layer meet in an image, (inputs of a filter, places).

    For a dense layer, the image itself is the one patch. Cut out apart from the engine.
    """
    if not isinstance(site.layer, Conv2d):
        return image.reshape(-1, 1)
    windows = site.layer.windows
    framed = np.pad(image, ((0, 0), *windows.padding))
    seen = np.lib.stride_tricks.sliding_window_view(framed, windows.kernel, axis=(1, 2))
    seen = seen[:, :: windows.stride[0], :: windows.stride[1]]
    return seen.transpose(0, 3, 4, 1, 2).reshape(-1, seen.shape[1] * seen.shape[2])
