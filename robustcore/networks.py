"""The two families of networks, and the one form in which the bounds want them.

Shape letters: n samples, d (A) or M (B) inputs, m hidden neurons, K classes, L layers, r_l the
width of layer l. Weights are stored as torch stores them, W^l of shape (r_l, r_{l-1}).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import nn

from .errors import InputError, UnsupportedLayerError, check_finite

AffineLayers = list[tuple[torch.Tensor, torch.Tensor]]


class Scaler(nn.Module):
    """Standardise inputs inside the network, so that every radius stays in raw input units.

    Source: own

    Parameters
    ----------
    mean, std : (M,)
        `std` must be positive; a constant feature should be given std = 1.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        super().__init__()
        mean, std = torch.as_tensor(mean), torch.as_tensor(std)
        if bool((std <= 0).any()):
            raise InputError("every std must be positive; give a constant feature std = 1.")
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @classmethod
    def fit(cls, x: torch.Tensor) -> Scaler:
        """Mean and standard deviation (n - 1) of the rows of `x`; constant features get std 1."""
        std = x.std(dim=0)
        return cls(x.mean(dim=0), torch.where(std > 0, std, torch.ones_like(std)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, M) -> (n, M)."""
        return (x - self.mean) / self.std


class TwoLayerReLU(nn.Module):
    r"""Paper A's network: one hidden layer, one output.

    .. math:: \hat y = \sum_{j=1}^m \bigl(X u_j + b_j\bigr)_+\,\alpha_j

    Source: [A] Section II-A

    Parameters
    ----------
    u : (m, d)
        Hidden weights, one neuron a row.
    alpha : (m,)
        Output weights.
    b : (m,), optional
        Hidden biases: the last coordinate of the paper's u_j when a column of ones is appended.

    Notes
    -----
    m = 0 is a network too (the zero function): a strong regulariser leads there.
    """

    def __init__(self, u: torch.Tensor, alpha: torch.Tensor, b: torch.Tensor | None = None) -> None:
        super().__init__()
        if u.ndim != 2 or alpha.shape != u.shape[:1]:
            raise InputError(
                f"u must be (m, d) and alpha (m,), got {tuple(u.shape)} and {tuple(alpha.shape)}."
            )
        self.u = nn.Parameter(u)
        self.alpha = nn.Parameter(alpha)
        self.b = nn.Parameter(torch.zeros_like(alpha) if b is None else b)
        self.has_bias = b is not None

    @classmethod
    def initialise(
        cls,
        d: int,
        m: int,
        generator: torch.Generator,
        bias: bool = False,
        dtype: torch.dtype = torch.float64,
    ) -> TwoLayerReLU:
        """Glorot-normal weights, zero biases: the start of the gradient baselines of paper A."""
        u = torch.randn(m, d, generator=generator, dtype=dtype) * (2 / (d + m)) ** 0.5
        alpha = torch.randn(m, generator=generator, dtype=dtype) * (2 / (m + 1)) ** 0.5
        return cls(u, alpha, torch.zeros(m, dtype=dtype) if bias else None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, d) -> (n,)."""
        return (x @ self.u.T + self.b).clamp(min=0) @ self.alpha

    def penalty(self) -> torch.Tensor:
        r"""The weight decay :math:`\frac12\sum_j \|u_j\|_2^2+\alpha_j^2`, biases included.

        Source: [A] eq. (4)
        """
        return 0.5 * sum(
            (w.square().sum() for w in (self.u, self.b, self.alpha)), start=self.u.new_zeros(())
        )

    def as_classifier(self) -> ReLUNetwork:
        """The same decision as two logits (0, y_hat): class 1 is the label +1.

        Then z_0 - z_1 = -y_hat, so every bound and attack of paper B applies to paper A's networks.

        Source: own
        """
        zeros = torch.zeros_like(self.alpha)
        return ReLUNetwork.from_arrays(
            [(self.u, self.b), (torch.stack([zeros, self.alpha]), self.alpha.new_zeros(2))]
        )


class ReLUNetwork(nn.Module):
    r"""Paper B's dense network.

    .. math:: z^1 = W^1 x + b^1,\qquad z^l = W^l [z^{l-1}]_+ + b^l,\quad 2\le l\le L

    Source: [B] Section 3

    Parameters
    ----------
    sizes : sequence of int
        (M, r_1, ..., K): inputs, hidden widths, classes.
    generator : torch.Generator, optional
        For the initial weights.
    scaler : Scaler, optional
        Applied first; radii stay in raw units.
    dtype : torch.dtype

    Notes
    -----
    The start is that of the published code: Glorot uniform weights and biases of 0.1. (The paper
    prints W^l as r_{l-1} x r_l in Section 3; with z = W x it must be r_l x r_{l-1}.)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        generator: torch.Generator | None = None,
        scaler: Scaler | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise InputError(f"sizes must be (M, ..., K) with positive entries, got {list(sizes)}.")
        self.scaler = scaler
        self.layers = nn.ModuleList()
        for fan_in, fan_out in itertools.pairwise(sizes):
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype)
            limit = (6 / (fan_in + fan_out)) ** 0.5
            with torch.no_grad():
                layer.weight.uniform_(-limit, limit, generator=generator)
                layer.bias.fill_(0.1)
            self.layers.append(layer)

    @classmethod
    def from_arrays(
        cls,
        layers: Iterable[tuple[torch.Tensor | np.ndarray, torch.Tensor | np.ndarray]],
        scaler: Scaler | None = None,
    ) -> ReLUNetwork:
        """A network with the given (W^l, b^l), copied.

        Raises
        ------
        InputError
            If consecutive shapes do not fit, or an entry is not finite.
        """
        pairs = [(torch.as_tensor(W).detach(), torch.as_tensor(b).detach()) for W, b in layers]
        for l, (W, b) in enumerate(pairs, start=1):
            check_finite(f"W^{l}", W)
            if W.ndim != 2 or b.shape != W.shape[:1]:
                raise InputError(
                    f"layer {l}: W must be (r, s) and b (r,), got "
                    f"{tuple(W.shape)} and {tuple(b.shape)}."
                )
        for l, ((W, _), (W_next, _)) in enumerate(itertools.pairwise(pairs), start=1):
            if W_next.shape[1] != W.shape[0]:
                raise InputError(
                    f"layer {l + 1} takes {W_next.shape[1]} inputs, layer {l} gives {W.shape[0]}."
                )
        net = cls(
            [pairs[0][0].shape[1], *(W.shape[0] for W, _ in pairs)],
            scaler=scaler,
            dtype=pairs[0][0].dtype,
        )
        with torch.no_grad():
            for layer, (W, b) in zip(net.layers, pairs, strict=True):
                layer.weight.copy_(W)  # type: ignore[operator]
                layer.bias.copy_(b)  # type: ignore[operator]
        return net.to(pairs[0][0].device)

    @property
    def n_classes(self) -> int:
        """K."""
        return self.layers[-1].out_features  # type: ignore[return-value]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, M) or (n, ...) flattened to (n, M) -> (n, K)."""
        x = x.flatten(1)
        if self.scaler is not None:
            x = self.scaler(x)
        for layer in self.layers[:-1]:  # type: ignore[index]
            x = torch.relu(layer(x))
        return self.layers[-1](x)


def affine_layers(net: nn.Module) -> AffineLayers:
    """A network as affine maps with a ReLU between each two: what every bound starts from.

    `Flatten`, `Identity`, `Dropout` in evaluation, `Scaler` and consecutive affine maps are folded;
    the result stays differentiable in the parameters of `net`.

    Source: [B] Section 3

    Parameters
    ----------
    net : ReLUNetwork, or nn.Sequential of Flatten, Scaler, Linear, ReLU

    Returns
    -------
    list of (W^l, b^l)
        Shapes (r_l, r_{l-1}) and (r_l,).

    Raises
    ------
    UnsupportedLayerError
        Naming the layer, if `net` holds anything else.
    """
    layers: AffineLayers = []
    scale: tuple[torch.Tensor, torch.Tensor] | None = None  # pending x -> scale x + shift
    open_map = False  # whether the next Linear composes with the last one
    for module in _flat_modules(net):
        if isinstance(module, Scaler) and not layers:
            if scale is not None:
                raise UnsupportedLayerError("two Scalers in a row; give one, at the start.")
            scale = (1 / module.std, -module.mean / module.std)
        elif isinstance(module, nn.Linear):
            W, b = _weights(module)
            if scale is not None:
                factor, shift = (part.to(W) for part in scale)
                W, b, scale = W * factor, b + W @ shift, None
            if open_map:
                W_last, b_last = layers.pop()
                W, b = W @ W_last, W @ b_last + b
            layers.append((W, b))
            open_map = True
        elif isinstance(module, nn.ReLU):
            if not open_map:
                raise UnsupportedLayerError("a ReLU must follow a Linear layer.")
            open_map = False
        elif isinstance(module, nn.Dropout) and module.training and module.p > 0:
            raise UnsupportedLayerError("Dropout is random while training; call net.eval() first.")
        elif not isinstance(module, (nn.Flatten, nn.Identity, nn.Dropout)):
            raise UnsupportedLayerError(
                f"no bound is implemented for {type(module).__name__}; supported are Linear, ReLU, "
                "Flatten, Identity and a Scaler at the start."
            )
    if not layers or not open_map:
        raise UnsupportedLayerError("the network must end with a Linear layer.")
    return layers


def _weights(layer: nn.Linear) -> tuple[torch.Tensor, torch.Tensor]:
    bias = layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias
    return layer.weight, bias


def _flat_modules(net: nn.Module) -> Iterable[nn.Module]:
    if isinstance(net, ReLUNetwork):
        if net.scaler is not None:
            yield net.scaler
        for layer in net.layers[:-1]:  # type: ignore[index]
            yield layer
            yield nn.ReLU()
        yield net.layers[-1]
    elif isinstance(net, nn.Sequential):
        for module in net:
            yield from _flat_modules(module)
    else:
        yield net
