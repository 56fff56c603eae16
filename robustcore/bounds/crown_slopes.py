r"""CROWN with the slopes of its lower lines chosen, for each sample and class.

Any :math:`\alpha\in[0,1]` gives a line below an unstable ReLU, so every choice is a bound: the
search for good ones can stop anywhere.

Shape letters: n samples, K classes, r_l neurons in layer l.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from ..balls import SUPPORT, PerturbationSet, posed
from ..networks import AffineLayers, Dense
from .inputs import last_layer_gaps, read_matrices
from .interval_arithmetic import Interval, first_interval, next_interval
from .lines import Lines, carried_back, rectified
from .propagation import crown

Leaks = Sequence[torch.Tensor | None]


def crown_optimised(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    steps: int = 20,
    learning_rate: float = 0.1,
) -> torch.Tensor:
    """CROWN with the slopes of its lower lines chosen by Adam, for each sample.

    On the way to the gaps there is one for each class and neuron; on the way to an end of a hidden
    neuron, one for each neuron of the layers below.

    Source: own; method of Xu et al. (2021), alpha-CROWN

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, or another set. The box is not used.
    steps : int
        Updates of the slopes, each about three times the work of `crown`.
    learning_rate : float

    Returns
    -------
    (n, K) tensor
        Upper bounds of the worst gaps, sound up to rounding, never above `crown`. No graph: for
        certification.
    """
    if torch.is_inference_mode_enabled():  # the search needs gradients: leave it, with copies
        with torch.inference_mode(False):
            given = copy.deepcopy(net), copy.deepcopy(x), copy.deepcopy(y)
            return crown_optimised(*given, ball, steps, learning_rate)
    with torch.no_grad():
        best = crown(net, x, y, ball)
        layers, leaks, x, y = read_matrices(net, x, y)
        ball = posed(ball, x, "crown_optimised", SUPPORT)
        V, c = last_layer_gaps(layers, y)
        if len(layers) == 1:
            return best
        around = _Slopes.start(layers, leaks, x, ball, best.shape[1])
    in_one_pass = x.device.type in ("cpu", "cuda")  # over the memory, where torch has that
    optimiser = torch.optim.Adam(around.all(), lr=learning_rate, fused=in_one_pass)
    with torch.enable_grad():
        for _ in range(steps):
            found = around.bound(V, c)
            best = torch.minimum(best, found.detach())
            for slope, gradient in zip(
                around.all(), torch.autograd.grad(found.sum(), around.all()), strict=True
            ):
                slope.grad = gradient  # and none for the parameters of the network
            optimiser.step()
            around.clamp()
    with torch.no_grad():
        return torch.minimum(best, around.bound(V, c))


@dataclass
class _Slopes:
    """The slopes that are searched, and the best ends of every hidden layer so far.

    `last` holds (n, K, r_j) for each hidden layer j; `hidden[l]` holds, for each layer j before
    layer l, (n, 2, r_l, r_j): for the upper end of each neuron of layer l and for the lower one.
    """

    layers: AffineLayers
    leaks: Leaks
    x: torch.Tensor
    ball: PerturbationSet
    known: list[Interval]
    last: list[torch.Tensor] = field(default_factory=list)
    hidden: list[list[torch.Tensor]] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        layers: AffineLayers,
        leaks: Leaks,
        x: torch.Tensor,
        ball: PerturbationSet,
        n_classes: int,
    ) -> _Slopes:
        """CROWN's own slopes, between the ends that it finds."""
        new = cls(layers, leaks, x, ball, [])
        lines: list[Lines] = []
        for l in range(len(layers) - 1):
            shape = (-1, 2, layers[l][0].shape[0], -1)
            new.hidden.append([one.slope_low[:, None, None].expand(shape).clone() for one in lines])
            new.known.append(new._ends(l, lines))
            lines.append(Lines.around(*new.known[l], leaks[l]))
        new.last = [one.slope_low[:, None].expand(-1, n_classes, -1).clone() for one in lines]
        for slope in new.all():
            slope.requires_grad_()
        return new

    def all(self) -> list[torch.Tensor]:
        """Every tensor of slopes."""
        return [*self.last, *(slope for layer in self.hidden for slope in layer)]

    @torch.no_grad()
    def clamp(self) -> None:
        """Back to slopes whose lines lie below: from the leak to 1."""
        for layer in (self.last, *self.hidden):
            for slope, leak in zip(layer, self.leaks, strict=False):
                lowest = torch.zeros_like(slope) if leak is None else leak.expand_as(slope)
                slope.copy_(slope.clamp(max=1).maximum(lowest))

    def bound(self, V: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        """The gaps at these slopes, (n, K); the ends found on the way are kept."""
        lines: list[Lines] = []
        for l in range(len(self.layers) - 1):
            low, high = self._ends(l, lines) if l else self.known[0]
            lowest, highest = self.known[l]
            lowest = torch.maximum(low.detach(), lowest)
            highest = torch.minimum(high.detach(), highest)
            self.known[l] = lowest, highest
            # the best ends so far, with the graph of those at these slopes
            low, high = lowest + (low - low.detach()), highest + (high - high.detach())
            lines.append(Lines.around(low, high, self.leaks[l]))
        return carried_back(self.layers, _tilted(lines, self.last), V, c, self.x, self.ball)

    def _ends(self, l: int, lines: Sequence[Lines]) -> Interval:
        """Lower and upper ends of the pre-activations of layer l."""
        W, b = self.layers[l]
        if l == 0:
            return first_interval(Dense(W, b), self.x, self.ball)
        low, high = (rectified(end, self.leaks[l - 1]) for end in self.known[l - 1])
        ends = list(next_interval(Dense(W, b), low, high))
        for side, sign in ((1, 1.0), (0, -1.0)):
            slopes = [both[:, 1 - side] for both in self.hidden[l]]
            rows = (sign * W).expand(len(self.x), -1, -1)
            found = carried_back(
                self.layers, _tilted(lines, slopes), rows, sign * b, self.x, self.ball
            )
            tighter = torch.minimum if side else torch.maximum
            ends[side] = tighter(ends[side], sign * found)
        return ends[0], ends[1]


def _tilted(lines: Sequence[Lines], slopes: Sequence[torch.Tensor]) -> list[Lines]:
    """The lines with other slopes below the unstable neurons."""
    return [line.with_lower(slope) for line, slope in zip(lines, slopes, strict=True)]
