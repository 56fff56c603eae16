"""What a defense is, and how a matrix of gap bounds becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn

from ..balls import PerturbationSet, check_set
from ..bounds.faithful import as_in_training
from ..doors import answer, class_labels, classes, per_sample, read_batch, whole_labels
from ..errors import InputError, UnsupportedLayerError
from ..losses import PerSampleLoss, adversarial_loss_bound
from ..networks import ReLUNetwork, Stack
from ..networks.plain import is_wrapped, kind_of
from ..networks.stack import Pairs, logits_of

PerSampleDefense = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]
# (layers, x, y, radius (S, 1)) -> (S, n): see `explicit`
StackedLoss = Callable[..., torch.Tensor]
GapBound = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Defense:
    """A training loss: `defense(net, x, y)` is the mean over the batch, a scalar.

    Source: own

    Parameters
    ----------
    call : str
        The call that makes it, which is also its `repr`.
    per_sample : callable (net, x, y) -> (n,) tensor
        The loss of each sample, without the mean.
    ball : PerturbationSet or None
        The perturbations it defends against.
    remake : callable ball -> Defense, optional
        The same defense on another ball.
    generator : torch.Generator, optional
        Of random starts; the networks of a stack start at the same points.
    explicit : callable (layers, x, y, radius) -> (S, n) tensor, optional
        The same losses for a stack of dense networks, without autograd in the input. Where
        gradients are recorded, as in training, a plain :class:`~robustcore.networks.ReLUNetwork`
        goes this way too, as a stack of one.

    Raises
    ------
    InputError
        When made, for a ball that is none, or a loss that cannot be called; when called, for a
        batch that is empty, not finite, or does not fit the network, and for a chain that ends with
        a Softmax.
    """

    call: str
    per_sample: PerSampleDefense = field(repr=False)
    ball: PerturbationSet | None = None
    remake: Callable[[Any], Defense] | None = field(default=None, repr=False)
    explicit: StackedLoss | None = field(default=None, repr=False)
    generator: torch.Generator | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.ball is not None:
            check_set(self.ball, self.call)
        if not callable(self.per_sample):
            raise InputError(f"a defense needs a callable (net, x, y), got {self.per_sample!r}.")

    def __call__(self, net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean over the batch of the losses of the samples; a scalar tensor."""
        _refuse_probabilities(net)
        x, y = read_batch(net, x, y)
        if len(x) == 0:
            raise InputError(f"{self.call} is a mean over a batch, got no sample.")
        if self.explicit is not None and self.ball is not None and type(net) is ReLUNetwork:
            layers = _dense_layers(net, x)
            if layers is not None:
                own = class_labels(y, net.n_classes)
                radius = x.new_full((1, 1), self.ball.radius)
                return self.explicit(layers, x.flatten(1), own, radius)[0].mean()
        with as_in_training():
            return self.per_sample(net, x, y).mean()

    def __repr__(self) -> str:
        return self.call

    def with_radius(self, radius: float) -> Defense:
        """The same defense on a ball of another radius; itself where it has no ball."""
        if self.ball is None:
            return self
        if self.remake is None:
            raise InputError(f"{self!r} does not say how it is made on another ball (`remake`).")
        return self.remake(self.ball.with_radius(radius))

    def of_each(
        self,
        stack: Stack,
        x: torch.Tensor,
        y: torch.Tensor,
        radius: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The loss of each sample for each network of a stack: (S, n).

        Parameters
        ----------
        stack : Stack
        x : (n, M) tensor
        y : (n,) class labels
        radius : (S,) tensor, optional
            One for each network; that of `ball` by default.
        """
        x, y = read_batch(stack, x, y)
        y = class_labels(y, stack.n_classes)
        if radius is None:
            radius = x.new_full((len(stack),), 0.0 if self.ball is None else self.ball.radius)
        if self.explicit is not None:
            return self.explicit(stack.layers(), x.flatten(1), y, radius.to(x)[:, None])
        start = None if self.generator is None else self.generator.get_state()
        found = []
        for template, parameters, r in _one_by_one(stack, radius):
            if self.generator is not None and start is not None:
                self.generator.set_state(start)
            losses = _Losses(template, self.with_radius(float(r)))
            with as_in_training():
                found.append(torch.func.functional_call(losses, parameters, (x, y)))
        return torch.stack(found)


def _dense_layers(net: ReLUNetwork, x: torch.Tensor) -> Pairs | None:
    """The layers as a stack of one has them, if all of them are plain and x fits."""
    if net.scaler is not None or x.requires_grad or not torch.is_grad_enabled():
        return None
    try:
        if any(kind_of(one) not in (ReLUNetwork, nn.Linear) for one in (net, *net.layers)):  # type: ignore[misc]
            return None
    except UnsupportedLayerError:  # it answers otherwise than its class says
        return None
    pairs = [(one.weight[None], one.bias[None]) for one in net.layers]  # type: ignore[index]
    every = [part for pair in pairs for part in pair]
    if any(is_wrapped(one) or (one.dtype, one.device) != (x.dtype, x.device) for one in every):
        return None
    return logits_of(pairs) if x[0].numel() == pairs[0][0].shape[2] else None


def _refuse_probabilities(net: nn.Module) -> None:
    """The losses take logits: bounds leave a Softmax at the end out, an attack would not."""
    last: nn.Module = net
    while isinstance(last, nn.Sequential) and len(last):
        last = last[-1]
    if isinstance(last, nn.Softmax):
        raise InputError(
            "the network ends with a Softmax, and the losses take logits: train it without, and "
            "append the Softmax afterwards."
        )


class _Losses(nn.Module):
    """A defense as the forward pass of a module, so that parameters can be put in its place."""

    def __init__(self, net: ReLUNetwork, defense: Defense) -> None:
        super().__init__()
        self.net, self.defense = net, defense

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.defense.per_sample(self.net, x, y)


def _one_by_one(
    stack: Stack, radius: torch.Tensor
) -> Iterator[tuple[ReLUNetwork, dict[str, torch.Tensor], torch.Tensor]]:
    """An empty network, the parameters of each of the stack with their graph, and its radius."""
    template = ReLUNetwork(stack.sizes, scaler=stack.scaler, dtype=stack.weights[0].dtype)
    for s, r in enumerate(radius):
        parameters: dict[str, torch.Tensor] = {}
        for l, (W, b) in enumerate(zip(stack.weights, stack.biases, strict=True)):
            parameters |= {f"net.layers.{l}.weight": W[s], f"net.layers.{l}.bias": b[s]}
        yield template, parameters, r


def at_points(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, loss: PerSampleLoss
) -> torch.Tensor:
    """The loss of each sample where it stands, (n,), of any network with one output or more.

    Source: [B] eq. (1)
    """
    z, y = classes(answer(net, x), y)
    return per_sample(loss, z, y)


def from_gaps(bound: GapBound, ball: PerturbationSet, loss: PerSampleLoss) -> PerSampleDefense:
    """Lemma 1 on what `bound(net, x, y, ball)` says of the worst gaps, sample by sample.

    Source: [B] Lemma 1, eqs. (10), (27)

    Parameters
    ----------
    bound : callable (net, x, y, ball) -> (n, K) tensor
    ball : PerturbationSet
    loss : callable
        Translation invariant and monotone, as Lemma 1 wants it.
    """
    return partial(_loss_of_gaps, bound=bound, ball=ball, loss=loss)


def _loss_of_gaps(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    bound: GapBound,
    ball: PerturbationSet,
    loss: PerSampleLoss,
) -> torch.Tensor:
    gaps = bound(net, x, y, ball)
    K = gaps.shape[1]  # the bound has seen the labels; for two classes they may be -1 and +1
    y = class_labels(whole_labels(y, len(gaps), gaps.device), 1 if K == 2 else K)
    return adversarial_loss_bound(gaps, y, partial(per_sample, loss))  # (10), (27)
