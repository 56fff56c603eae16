r"""How far aRUB is from the exact worst gap: nothing where no ReLU switches, and else a bound.

With :math:`t = 1[z(x)>0]` a ReLU is its first order plus a deviation that switches alone cause,

.. math:: [z]_+ = t\,z + D(z),\qquad 0 \le D(z) \le \tau,\qquad
          \tau = \sup_{\delta\in U}\ [-z(x+\delta)]_+ \text{ if } t = 1,\quad [z(x+\delta)]_+
          \text{ if } t = 0.

Deviations are carried to the gap by interval arithmetic, layer by layer.

Shape letters: n samples, K classes, r_l neurons in layer l.
"""

from __future__ import annotations

import torch
from torch import nn

from ..balls import SUPPORT, PerturbationSet, posed
from ..errors import UnsupportedLayerError
from ..networks import Dense, PooledRectifier, expanded
from .inputs import last_layer_gaps, read_layers
from .interval_arithmetic import Interval, first_interval


def arub_error(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: PerturbationSet) -> Interval:
    r"""Two numbers between which (exact worst gap) - aRUB lies, over any set and at any depth.

    .. math:: \text{aRUB}_k + \text{below}_k \;\le\; \sup_{\delta\in U} z_k(x+\delta)-z_y(x+\delta)
              \;\le\; \text{aRUB}_k + \text{above}_k

    Source: own (on [A] eqs. (10b), (11); [B] eqs. (9), (22))

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers, without max pools
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, or another set. The box is not used.

    Returns
    -------
    (n, K) tensor, (n, K) tensor
        `below` <= 0 <= `above`, sound up to rounding. Both are 0 where no neuron can switch on the
        ball, as under (10b) at the points of training.

    Notes
    -----
    With one hidden layer `below` is minus the sum of :math:`|\alpha_j|(\rho\|u_j\|_q -
    |u_j^\top x + b_j|)_+` over the neurons that lower the gap, and `above` that over those that
    raise it; single neurons attain both. Deeper layers are bounded by interval arithmetic.

    Raises
    ------
    UnsupportedLayerError
        For a max pool, whose first order is not unique where two neurons are equal.
    """
    network, h, y = read_layers(net, x, y)
    ball = posed(ball, h, "arub_error", SUPPORT)
    if any(isinstance(one, PooledRectifier) for one in network.activations):
        raise UnsupportedLayerError("arub_error takes networks without max pools; use bounds.rub.")
    layers = expanded(network)
    V, _ = last_layer_gaps(layers, y)
    low = high = h  # of what a layer gets, over the ball; the ball itself, in the first
    below = above = torch.zeros_like(h)  # of what a layer gets, less its first order
    for l, (W, b) in enumerate(layers[:-1]):
        z = h @ W.T + b
        if l == 0:
            low, high = first_interval(Dense(W, b), h, ball)
        else:
            low, high = _through(W, (low, high))
            low, high = low + b, high + b
        below, above = _through(W, (below, above))
        on = z > 0  # (21)
        tau = torch.where(on, -low, high).clamp(min=0)
        below, above = on * below, on * above + tau
        low, high, h = low.clamp(min=0), high.clamp(min=0), z.clamp(min=0)
    return _through(V, (below[:, None], above[:, None]))


def _through(W: torch.Tensor, interval: Interval) -> Interval:
    """The least and largest W h for h in an interval; each sample's own W where it has one.

    In this form an end that is 0 stays 0: what does not switch adds no rounding.
    """
    low, high = interval
    plus, minus = W.clamp(min=0).mT, W.clamp(max=0).mT
    least, most = low @ plus + high @ minus, high @ plus + low @ minus
    return (least, most) if W.ndim == 2 else (least[:, 0], most[:, 0])
