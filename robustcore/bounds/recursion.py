r"""The recursion of Theorem 11 as a convex function of the perturbation.

Shape letters: n samples, M inputs, K classes, r_l neurons in layer l, v perturbations.

For fixed slopes t the recursion carries two functions a neuron: u = g(+1), a convex upper bound of
the pre-activation, and l = -g(-1), a concave lower bound. With p = [u]_+ and q = t l the two
brackets of the theorem become

.. math:: [W]_+ p - [-W]_+ q = \tfrac12\bigl(W(p+q) + |W|(p-q)\bigr),

centre and radius, which halves the matrix products. The last u bounds the gap from above at every
perturbation, is convex in it, and meets the clean gap at 0: everything in this folder that is named
after RUB follows from these three facts.

Convolutions and average pools are affine and change nothing. A max pool beside the ReLU changes the
brackets: p = max [u_i]_+ over each window, convex as a maximum of convex functions, and
q = sum t_i l_i with t >= 0 and sum t_i <= 1, concave as a sum of concave functions, and at most
max [z_i]_+. (Not q = max l_i: a maximum of concave functions is not concave, and the largest value
of a bound that is not convex need not be at a vertex.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from ..errors import InputError
from ..networks import Activation, AffineMap, Layered, layered
from .inputs import last_layer_gaps, read_layers

# rows of a sweep held at once: enough for the matrix product, small in memory
ROWS = {"cpu": 1024, "cuda": 65536}
ENTRIES = 2**22  # and at most so many numbers of one layer: convolutions are wide


@dataclass(frozen=True)
class Vertices:
    """W^1 delta at the 2M vertices of the L1 ball: first all +radius e_m, then all -radius e_m.

    `radius` is one number, or (M,), (n, 1) or (n, M): of each feature, of each sample.

    Source: [B] Theorem 7
    """

    first: AffineMap
    radius: float | torch.Tensor

    def __len__(self) -> int:
        return 2 * self.first.n_inputs

    def at(self, index: torch.Tensor) -> torch.Tensor:
        """Some of them, with a graph into W^1: (...) -> (..., r_1).

        Of radii of each sample (v,) or (n, v) -> (n, v, r_1).
        """
        M = self.first.n_inputs
        columns = self.first.columns(index % M)
        signs = 1 - 2 * (index >= M).to(columns)
        return columns * (self._radius(index % M, columns) * signs)[..., None]

    def _radius(self, m: torch.Tensor, like: torch.Tensor) -> float | torch.Tensor:
        if not isinstance(self.radius, torch.Tensor):
            return self.radius
        radius = self.radius.to(like)
        if radius.ndim == 1:
            return radius[m]
        if radius.shape[1] == 1:
            return radius
        return radius[:, m] if m.ndim == 1 else radius.gather(1, m)

    def all(self) -> torch.Tensor:
        """(2M, r_1)."""
        device = self.first.columns(torch.zeros(1, dtype=torch.long)).device
        return self.at(torch.arange(len(self), device=device))


@dataclass(frozen=True)
class Recursion:
    """g^L of one batch, ready to be evaluated anywhere.

    Attributes
    ----------
    maps : list of AffineMap, l = 1..L
    activations : list of Activation, l = 1..L-1
    z : (n, r_1)
        W^1 x + b^1.
    slopes : list of (n, r_l), l = 1..L-1
        t; (n, s_l, k) where the ReLU has a max pool beside it.
    V, c : (n, K, r_{L-1}) and (n, K)
        (e_k - e_y)'W^L and (e_k - e_y)'b^L.
    """

    maps: list[AffineMap]
    activations: list[Activation]
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
        network, x, y = read_layers(net, x, y)
        V, c = last_layer_gaps(network.maps, y)
        if isinstance(t, str) and t != "nominal":
            raise InputError(f"t must be 'nominal' or a sequence of tensors, got {t!r}.")
        z = network.maps[0](x)
        slopes = _touching(network, z) if isinstance(t, str) else list(t)
        at = cls(network.maps, network.activations, z, slopes, V, c)
        at.check_slopes()
        return at

    def values(self, steps: torch.Tensor) -> torch.Tensor:
        """g^L at perturbations given by W^1 delta: (v, r_1) or (n, v, r_1) -> (n, v, K).

        Source: [B] Theorem 11, eq. (35)
        """
        upper = lower = self.z[:, None] + steps  # g^1: affine, its own upper and lower bound
        scale = 1.0  # layer l is carried 2^(l-1) times as large, so that nothing is halved
        hidden = zip(self.maps[1:-1], self.shifts, self.activations, self.slopes, strict=False)
        for one, shift, activation, t in hidden:
            total, width = _around(activation(upper), activation.below(lower, t))
            scale *= 2
            centre = one.linear(total) + scale * shift
            upper, lower = _around(centre, one.spread(width))  # (35), 2 <= l <= L-1
        p, q = self.activations[-1](upper), self.activations[-1].below(lower, self.slopes[-1])
        total, width = _around(p, q)
        gaps = total @ self.V.mT + width @ self.V.abs().mT
        return gaps / (2 * scale) + self.c[:, None]  # (35), l = L

    @property
    def shifts(self) -> list[torch.Tensor]:
        """The biases of the hidden maps, l = 2..L-1."""
        return [one(self.z.new_zeros(1, one.n_inputs))[0] for one in self.maps[1:-1]]

    @torch.no_grad()
    def worst(self, steps: torch.Tensor | Vertices, rows: int | None = None) -> torch.Tensor:
        """For each (sample, class) the index of the perturbation with the largest value, (n, K).

        The sweep keeps no graph and holds about `rows` rows at once; vertices are made as it goes.
        """
        best = torch.full_like(self.c, -torch.inf)
        where = torch.zeros_like(self.c, dtype=torch.long)
        width = self.width(rows)
        count = len(steps) if isinstance(steps, Vertices) else steps.shape[-2]
        for start in range(0, count, width):
            if isinstance(steps, Vertices):
                some = steps.at(torch.arange(start, min(start + width, count), device=best.device))
            else:
                some = steps[..., start : start + width, :]
            value, index = self.values(some).max(dim=1)
            better = value > best
            best = torch.where(better, value, best)
            where = torch.where(better, index + start, where)
        return where

    def width(self, rows: int | None = None) -> int:
        """Perturbations in one step of a sweep of about `rows` rows."""
        if rows is None:
            widest = max(one.n_outputs for one in self.maps)
            rows = min(ROWS.get(self.z.device.type, ROWS["cpu"]), max(1, ENTRIES // widest))
        return max(1, rows // max(1, self.z.shape[0]))

    def check_slopes(self) -> None:
        """Refuse slopes of other shapes, or such that the bound would not be sound."""
        n, acts = self.z.shape[0], self.activations
        wanted = [
            (n, *act.slope_shape(one.n_outputs))
            for act, one in zip(acts, self.maps[:-1], strict=True)
        ]
        got = [tuple(s.shape) for s in self.slopes]
        if got != wanted:
            raise InputError(
                f"t must have the shapes {wanted}, one for each hidden layer, got {got}."
            )
        if not all(act.allowed(t) for act, t in zip(acts, self.slopes, strict=True)):
            raise InputError(
                "every slope t must lie in [0, 1], with a sum of at most 1 over each window of a "
                "max pool; outside, the bound is not sound."
            )

    def nearest_slopes(self, slopes: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Slopes that are allowed, as near as clamping and scaling give them."""
        return [act.nearest(t) for act, t in zip(self.activations, slopes, strict=True)]

    def each_class(self) -> Recursion:
        """One batch entry for each (sample, class): n K entries, one class each."""
        n, K = self.c.shape
        return replace(
            self,
            z=self.z.repeat_interleave(K, 0),
            slopes=[t.repeat_interleave(K, 0) for t in self.slopes],
            V=self.V.reshape(n * K, 1, self.V.shape[-1]),
            c=self.c.reshape(n * K, 1),
        )


def nominal_slopes(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """t^l = 1 where z^l(x) > 0, else 0: the slopes at which RUB meets the linear approximation.

    Source: [B] eq. (21)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor

    Returns
    -------
    list of (n, r_l) tensors, l = 1..L-1
        Where the ReLU has a max pool beside it, (n, s_l, k): for each window, 1 at the largest of
        its k neurons if that is positive.
    """
    network = layered(net, x.shape[1:], like=x)
    return _touching(network, network.maps[0](x.flatten(1)))


def _touching(network: Layered, z: torch.Tensor) -> list[torch.Tensor]:
    """The slopes along a forward pass that starts at z^1."""
    slopes = []
    for activation, following in zip(network.activations, network.maps[1:], strict=True):
        slopes.append(activation.slopes(z))  # (21)
        if len(slopes) < len(network.activations):
            z = following(activation(z))
    return slopes


def _around(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """a + b and a - b; where no graph is kept, the difference takes the place of a."""
    total = a + b
    return total, a - b if torch.is_grad_enabled() else a.sub_(b)
