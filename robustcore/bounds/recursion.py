r"""The recursion of Theorem 11 as a convex function of the perturbation.

Shape letters: n samples, M inputs, K classes, r_l neurons in layer l, v perturbations.

For fixed slopes t the recursion carries two functions a neuron: u = g(+1), a convex upper bound of
the pre-activation, and l = -g(-1), a concave lower bound. With p = [u]_+ and q = t l the two
brackets of the theorem become

.. math:: [W]_+ p - [-W]_+ q = W\,\tfrac{p+q}2 + |W|\,\tfrac{p-q}2,

centre and radius, which halves the matrix products. The last u bounds the gap from above at every
perturbation, is convex in it, and meets the clean gap at 0: everything in this folder that is named
after RUB follows from these three facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from ..errors import InputError
from ..networks import AffineLayers, affine_layers
from .inputs import last_layer_gaps, read_network

# rows of a sweep held at once: enough for the matrix product, small in memory
ROWS = {"cpu": 1024, "cuda": 65536}


@dataclass(frozen=True)
class Recursion:
    """g^L of one batch, ready to be evaluated anywhere.

    Attributes
    ----------
    layers : list of (W^l, b^l)
    z : (n, r_1)
        W^1 x + b^1.
    slopes : list of (n, r_l), l = 1..L-1
        t.
    V, c : (n, K, r_{L-1}) and (n, K)
        (e_k - e_y)'W^L and (e_k - e_y)'b^L.
    """

    layers: AffineLayers
    z: torch.Tensor
    slopes: list[torch.Tensor]
    V: torch.Tensor
    c: torch.Tensor

    @classmethod
    def around(
        cls,
        net: nn.Module,
        x: torch.Tensor,
        y: torch.Tensor,
        t: str | Sequence[torch.Tensor] = "nominal",
    ) -> Recursion:
        """Check the arguments and fix the slopes.

        Raises
        ------
        InputError
            If the batch does not fit the network, `t` has the wrong shapes or leaves [0, 1].
        """
        layers, x = read_network(net, x, y)
        V, c = last_layer_gaps(layers, y)
        W, b = layers[0]
        if isinstance(t, str) and t != "nominal":
            raise InputError(f"t must be 'nominal' or a sequence of tensors, got {t!r}.")
        slopes = nominal_slopes(net, x) if isinstance(t, str) else list(t)
        _check_slopes(slopes, [(x.shape[0], W.shape[0]) for W, _ in layers[:-1]])
        return cls(layers, x @ W.T + b, slopes, V, c)

    def values(self, steps: torch.Tensor) -> torch.Tensor:
        """g^L at perturbations given by W^1 delta: (v, r_1) or (n, v, r_1) -> (n, v, K).

        Source: [B] Theorem 11, eq. (35)
        """
        upper = lower = self.z[:, None] + steps  # g^1: affine, its own upper and lower bound
        for (W, b), t in zip(self.layers[1:-1], self.slopes[:-1], strict=True):
            mid, rad = _middle(upper, lower, t)
            centre, spread = mid @ W.T + b, rad @ W.abs().T
            upper, lower = centre + spread, centre - spread  # (35), 2 <= l <= L-1
        mid, rad = _middle(upper, lower, self.slopes[-1])
        return mid @ self.V.mT + rad @ self.V.abs().mT + self.c[:, None]  # (35), l = L

    @torch.no_grad()
    def worst(self, steps: torch.Tensor, rows: int | None = None) -> torch.Tensor:
        """For each (sample, class) the index of the perturbation with the largest value, (n, K).

        The sweep keeps no graph and holds about `rows` rows at once.
        """
        best = torch.full_like(self.c, -torch.inf)
        where = torch.zeros_like(self.c, dtype=torch.long)
        width = self.width(rows)
        for start in range(0, steps.shape[-2], width):
            value, index = self.values(steps[..., start : start + width, :]).max(dim=1)
            better = value > best
            best = torch.where(better, value, best)
            where = torch.where(better, index + start, where)
        return where

    def width(self, rows: int | None = None) -> int:
        """Perturbations in one step of a sweep of about `rows` rows."""
        rows = ROWS.get(self.z.device.type, ROWS["cpu"]) if rows is None else rows
        return max(1, rows // max(1, self.z.shape[0]))

    def each_class(self) -> Recursion:
        """One batch entry for each (sample, class): n K entries, one class each."""
        n, K = self.c.shape
        return replace(
            self,
            z=self.z.repeat_interleave(K, 0),
            slopes=[t.repeat_interleave(K, 0) for t in self.slopes],
            V=self.V.reshape(n * K, 1, -1),
            c=self.c.reshape(n * K, 1),
        )


def nominal_slopes(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """t^l = 1 where z^l(x) > 0, else 0: the slopes at which RUB meets the linear approximation.

    Source: [B] eq. (21)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, M) tensor

    Returns
    -------
    list of (n, r_l) tensors, l = 1..L-1
    """
    slopes, h = [], x.flatten(1)
    for W, b in affine_layers(net)[:-1]:
        z = h @ W.to(h).T + b.to(h)
        slopes.append((z > 0).to(z))  # (21)
        h = z.clamp(min=0)
    return slopes


def _check_slopes(slopes: list[torch.Tensor], wanted: list[tuple[int, int]]) -> None:
    got = [tuple(s.shape) for s in slopes]
    if got != wanted:
        raise InputError(f"t must have the shapes {wanted}, one for each hidden layer, got {got}.")
    if any(bool(((s < 0) | (s > 1)).any()) for s in slopes):
        raise InputError("every slope t must lie in [0, 1]; outside, the bound is not sound.")


def _middle(
    upper: torch.Tensor, lower: torch.Tensor, t: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre and radius of p = [u]_+ and q = t l; the radius is never negative."""
    p, q = upper.clamp(min=0), t[:, None] * lower
    return (p + q) / 2, (p - q) / 2
