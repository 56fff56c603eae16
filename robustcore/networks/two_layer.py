"""Paper A's network: one hidden layer, one output.

Shape letters: n samples, d inputs, m hidden neurons.
"""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError
from .dense import ReLUNetwork
from .maps import Dense, with_two_outputs


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

    def as_affine(self) -> tuple[Dense, Dense]:
        """(u, b) before the ReLU and (alpha', 0) after it, with a graph into the parameters.

        Source: own
        """
        u: torch.Tensor = self.u
        b: torch.Tensor = self.b
        alpha: torch.Tensor = self.alpha
        if not len(alpha):  # the zero function: one neuron of zeros stands for it
            u, b, alpha = u.new_zeros(1, u.shape[1]), b.new_zeros(1), alpha.new_zeros(1)
        return Dense(u, b), Dense(alpha[None], alpha.new_zeros(1))

    def as_classifier(self) -> ReLUNetwork:
        """The same decision as two logits (0, y_hat): class 1 is the label +1.

        Then z_0 - z_1 = -y_hat. Bounds, attacks, defenses and accuracies read any network with one
        output in this way by themselves.

        Source: own
        """
        hidden, last = self.as_affine()
        return ReLUNetwork.from_arrays([hidden, with_two_outputs(last)])
