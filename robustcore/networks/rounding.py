r"""How far a forward pass in floating point may be from the network in exact arithmetic.

A layer that sums m products in any order answers within :math:`\gamma_m\,(|W||h| + |b|)` of
:math:`Wh+b`, :math:`\gamma_m = mu/(1-mu)`, u the unit roundoff (Higham 2002, Section 3.1); ReLUs
and max pools round nothing and pass an error on, at most as large as it came.

Shape letters: n samples, M inputs, r_l neurons in layer l.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .activations import Activation
from .blocks import Diagonal, Pick, Stacked, Summed
from .images import Convolution, MeanPooling
from .layers import Layered
from .leaky import leaks
from .maps import AffineMap, Chain, Dense, Scaling


@dataclass(frozen=True)
class Arithmetic:
    """The floating-point numbers in which a network is evaluated.

    Source: own

    Parameters
    ----------
    rounding : float
        u: a result of one operation is within u of the exact one, relatively.
    product : float
        How far the two factors of a product are rounded before it, together: 0, or the TF32 and
        bfloat16 products that torch may be told to use for float32.
    tiny, largest : float
        The smallest normal and the largest number.
    """

    rounding: float
    product: float
    tiny: float
    largest: float

    @classmethod
    def of(cls, like: torch.Tensor) -> Arithmetic:
        """Of the precision and device of a tensor, under torch's settings at this moment."""
        info = torch.finfo(like.dtype)
        product = 0.0
        if like.dtype == torch.float32:
            setting = torch.get_float32_matmul_precision()
            reduced = {"highest": 0.0, "high": 2.0**-10, "medium": 2.0**-7}[setting]
            tf32 = like.device.type == "cuda" and (
                torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
            )
            product = max(reduced, 2.0**-10 if tf32 else 0.0) * (1 + 2.0**-7)
        return cls(info.eps / 2, product, info.tiny, info.max)

    def worst(self, terms: int) -> float:
        r"""Of a sum of so many products over the sum of their magnitudes: :math:`\gamma_m`.

        inf where nothing is left of the sum.
        """
        lost = terms * self.rounding
        return math.inf if lost >= 0.5 else lost / (1 - lost) + self.product * (1 + lost * 2)

    def usual(self, terms: int) -> float:
        r"""The same as a standard deviation: :math:`\sqrt m\,u`, for independent roundings."""
        lost = math.sqrt(terms) * self.rounding
        return math.inf if terms * self.rounding >= 0.5 else lost * 1.1 + self.product


@dataclass(frozen=True)
class Errors:
    """Errors after one layer: (n, r) tensors.

    Source: own

    Parameters
    ----------
    made : of the layer's own sums, at worst or as a standard deviation
    moved : from the rounding of the layer's input
    there : the largest, from this layer and all before it
    """

    made: torch.Tensor
    moved: torch.Tensor
    there: torch.Tensor


def terms(one: AffineMap) -> int:
    """Products that are summed into one output, the bias counted as one; 0 where none is rounded.

    Source: own
    """
    if isinstance(one, Pick):
        return 0
    if isinstance(one, Diagonal):
        return 16  # and the roundings of its own two numbers
    if isinstance(one, Summed):
        return len(one.maps) + max(terms(part) for part in one.maps)
    if isinstance(one, Stacked):
        return max(terms(part) for part in one.maps)
    if isinstance(one, Dense):
        return one.n_inputs + 1
    if isinstance(one, Convolution):
        return math.prod(one.weight.shape[1:]) + 1
    if isinstance(one, MeanPooling):
        return math.prod(one.kernel) + 1
    if isinstance(one, Chain):
        return sum(terms(part) for part in one.maps)
    return 2


def layer_errors(
    parts: tuple[AffineMap, ...],
    h: torch.Tensor,
    reach: list[torch.Tensor],
    before: torch.Tensor,
    arithmetic: Arithmetic,
    rounded: float = 0.0,
    likely: bool = False,
) -> Errors:
    r"""What one layer adds to the errors before it, wherever its input lies in a set.

    Source: own; Higham (2002), Section 3.1

    Parameters
    ----------
    parts : tuple of AffineMap
        The maps of the layer one after another, as the network applies them.
    h : (n, r) tensor
        The middle of the set of inputs.
    reach : list of (n, s) or (s,) tensors
        For each part, at least `|W| |h' - h|` over the set, h being its input.
    before : (n, r) tensor
        Errors of the input.
    arithmetic : Arithmetic
    rounded : float
        The input is rounded first, by so much relatively.
    likely : bool
        Whether `made` is a standard deviation.

    Returns
    -------
    Errors
        Of the layer's output.
    """
    there, made, moved = before, torch.zeros_like(before), torch.zeros_like(before)
    for one, wide in zip(parts, reach, strict=True):
        absolute, count = one.absolute(), terms(one)
        size = absolute.linear(h.abs()) + wide  # |W| |h'|
        moved = absolute.linear(moved) + rounded * size
        carried = absolute.linear(there) + rounded * size
        summed = size + absolute(torch.zeros_like(h[:1])) + carried
        lost = summed > arithmetic.largest / 2
        h = one(h)
        if isinstance(one, Scaling):  # a difference and a quotient: small where the result is
            summed = h.abs() + wide + carried
        worst = arithmetic.worst(count) * summed + count * arithmetic.tiny
        fresh = arithmetic.usual(count) * summed + count * arithmetic.tiny if likely else worst
        if count == 0 or isinstance(one, Stacked):  # values that are only handed on
            rounds = _rounds(one, h)
            worst, fresh = worst * rounds, fresh * rounds
        made = (absolute.linear(made) + fresh).masked_fill(lost, math.inf)
        there, rounded = carried + worst, 0.0
    return Errors(made, moved, there)


@torch.no_grad()
def forward_error(network: Layered, x: torch.Tensor, arithmetic: Arithmetic) -> torch.Tensor:
    r"""How far the logits of a forward pass at x may be from those of exact arithmetic.

    Source: own

    Parameters
    ----------
    network : Layered
    x : (n, M) tensor
        Not rounded before the pass.
    arithmetic : Arithmetic

    Returns
    -------
    (n, K) tensor
        An upper bound for sums in any order, fused or not; fast convolutions (Winograd, Fourier)
        are outside it.
    """
    h, there = x, torch.zeros_like(x)
    for l, parts in enumerate(network.parts):
        none = [h.new_zeros(()) for _ in parts]
        there = layer_errors(parts, h, none, there, arithmetic).there
        for one in parts:
            h = one(h)
        if l < len(network.activations):
            there = there + leaked(network.activations[l], h.abs() + there, arithmetic)
            h, there = network.activations[l](h), network.activations[l](there)
    return there


def leaked(activation: Activation, size: torch.Tensor, arithmetic: Arithmetic) -> torch.Tensor:
    r"""What the product a z of a leaking ReLU rounds, as an error of z, `|z|` being at most `size`.

    The rounded product of the rounded a is a z (1 + 2u), the activation at z (1 + 2u).

    Source: own
    """
    leak = leaks(activation, size.shape[-1], size)
    if leak is None:
        return torch.zeros_like(size)
    rounds = ((leak > 0) & (leak < 1)).to(size)
    return rounds * (3 * arithmetic.rounding * size + arithmetic.tiny / leak.clamp(min=1e-30))


def _rounds(one: AffineMap, like: torch.Tensor) -> torch.Tensor:
    """1 for each output that a map rounds, 0 where it only hands a value on."""
    if isinstance(one, Stacked):
        return torch.cat([_rounds(part, like) for part in one.maps])
    return like.new_full((one.n_outputs,), float(not isinstance(one, Pick)))
