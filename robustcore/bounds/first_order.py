"""First-order bounds: the Baseline of eq. (7) and aRUB, for any Lp ball.

Neither is a proof. They are exact while no ReLU changes its sign inside the ball.
"""

from __future__ import annotations

import torch
from torch import nn

from ..balls import SUPPORT, PerturbationSet, posed
from ..doors import answer, as_tensor, classes, read_batch
from ..losses import PerSampleLoss, cross_entropy
from .inputs import last_layer_gaps, read_layers


def baseline(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    loss: PerSampleLoss = cross_entropy,
) -> torch.Tensor:
    r"""The loss linearised in the input, at its worst over the ball.

    .. math:: L(y, z(x)) + \rho\,\|\nabla_x L(y, z(x))\|_q

    Source: [B] eq. (7)

    Parameters
    ----------
    net : module (n, M) -> (n, K)
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
    loss : callable (n, K), (n,) -> (n,)

    Returns
    -------
    (n,) tensor
        An estimate, neither an upper nor a lower bound. Differentiable in the parameters (at the
        cost of a double backward pass).

    Notes
    -----
    The published code adds rho times the signed gradient tensor instead of its norm; this is the
    formula as printed.
    """
    wanted = torch.is_grad_enabled()
    x, y = read_batch(net, x, y)
    ball = posed(ball, x, "baseline", SUPPORT)
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().requires_grad_()
        value = loss(*classes(answer(net, x), y))
        (gradient,) = torch.autograd.grad(value.sum(), x, create_graph=wanted)
    value = value if wanted else value.detach()
    return value + ball.support(gradient.flatten(1))  # (7)


def arub(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: PerturbationSet) -> torch.Tensor:
    r"""Approximate robust upper bound: each gap linearised in the input, at its worst.

    .. math:: (e_k-e_y)^\top z^L(x) + \rho\,\|(e_k-e_y)^\top\nabla_x z^L(x)\|_q

    Source: [B] eqs. (8), (9), (22)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, or another set. The box is not used.

    Returns
    -------
    (n, K) tensor
        Estimates of the worst gaps: exact where the network is linear on the ball, not a bound
        elsewhere. Differentiable in the parameters.

    Notes
    -----
    The Jacobian is formed explicitly, as a product of masked weight matrices: one matrix product a
    layer and no double backward pass. A ReLU at exactly zero counts as inactive, [B] eq. (21); a
    max pool passes on the largest neuron of its window.
    """
    value, jacobian = gap_jacobian(net, x, y)
    ball = posed(ball, as_tensor("x", x), "arub", SUPPORT)
    return value + ball.support(jacobian)  # (9)


def gap_jacobian(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every gap and its gradient in the input, with a graph into the parameters.

    Source: [B] eqs. (8), (22)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels

    Returns
    -------
    (n, K) tensor, (n, K, M) tensor
    """
    network, h, y = read_layers(net, x, y)
    slopes: list[torch.Tensor] = []
    for one, activation in zip(network.maps[:-1], network.activations, strict=True):
        z = one(h)
        slopes.append(activation.slopes(z))  # (21)
        h = activation(z)
    V, c = last_layer_gaps(network.maps, y)
    value = torch.einsum("nkr,nr->nk", V, h) + c
    jacobian = V
    passed = zip(network.maps[:-1], network.activations, slopes, strict=True)
    for one, activation, t in reversed(list(passed)):
        jacobian = one.back(activation.back(jacobian, t))  # (22)
    return value, jacobian
