"""What stands at every door of the torch half: a batch, its labels, and the network's answer.

A network with one output is a binary network, everywhere: z is read as the two logits (0, z), so
that its sign decides, class 1 (or +1) where z > 0 and class 0 (or -1) where z < 0, and every
formula for K classes holds with K = 2. At z = 0 the two logits tie: no label is right there, and no
certificate is given.

Shape letters: n samples, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from .errors import InputError, RobustcoreError, check_finite, check_held, check_length

_FAILURES = (RuntimeError, TypeError, ValueError, IndexError, AttributeError, NotImplementedError)


def read_batch(net: nn.Module, x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples and labels as tensors: floating point, finite, one label a sample.

    Source: own

    Parameters
    ----------
    net : module
    x : (n, ...) tensor or array
        An array takes the precision and the device of the network's parameters.
    y : (n,) tensor or array of whole numbers of any type

    Returns
    -------
    (n, ...) tensor, (n,) tensor
        The labels as int64 (booleans stay what they are) on the device of x. Whether they fit the
        network is asked by `class_labels`, which must know its number of outputs.

    Raises
    ------
    InputError
        If `net` is no module, x no finite floating-point batch, or y not one whole number a sample.
    """
    x = read_samples(net, x)
    return x, whole_labels(y, len(x), x.device)


def read_samples(net: nn.Module, x: Any) -> torch.Tensor:
    """The samples of `read_batch`, without labels.

    Source: own
    """
    if not isinstance(net, nn.Module):
        raise InputError(f"net must be a torch.nn.Module, got {type(net).__name__}.")
    if not isinstance(x, torch.Tensor):
        like = next((p for p in net.parameters() if p.is_floating_point()), None)
        x = as_tensor("x", x)
        x = x.to(like) if like is not None and x.is_floating_point() else x
    if not x.is_floating_point() or x.layout != torch.strided:
        kind = x.dtype if x.layout == torch.strided else x.layout
        raise InputError(f"x must be a floating-point tensor, got {kind}; scale it first.")
    if x.ndim < 2 or 0 in x.shape[1:]:
        raise InputError(
            f"x must be a batch (n, ...) of samples, got shape {tuple(x.shape)}; one sample "
            "is x[None]."
        )
    check_finite("x", x)
    return outside_inference(x)


def whole_labels(y: Any, n: int, device: torch.device) -> torch.Tensor:
    """Labels as int64 or bool: whole numbers of any type, also -1.0 and 1.0, as [A] writes them.

    Source: own

    Raises
    ------
    InputError
        If a label is not a whole number, or there is not one for each of the n samples.
    """
    y = outside_inference(as_tensor("y", y).detach())
    check_held("y", y)
    check_length("y", y, n, "x")
    if y.dtype in (torch.int64, torch.bool):
        return y.to(device)
    if y.is_complex():
        raise InputError(f"class labels must be whole numbers, got {y.dtype}; use y.long().")
    exact = y.to(torch.float64)  # uint64 and halves too; a label that it rounds is out of range
    if not bool((exact == exact.round()).all()) or not bool((exact.abs() < 2**53).all()):
        raise InputError(f"class labels must be whole numbers, got other {y.dtype}; use y.long().")
    return exact.to(torch.int64).to(device)


def class_labels(y: torch.Tensor, n_outputs: int) -> torch.Tensor:
    """Labels as classes 0..K-1 of a network with that many outputs; one output means K = 2.

    Source: own; the labels -1 and +1 are those of [A] eq. (13)

    Parameters
    ----------
    y : (n,) tensor of whole numbers
        0..K-1; for one output 0 and 1, or -1 and +1, of which a batch may hold one only. Booleans
        for two classes.
    n_outputs : int

    Returns
    -------
    (n,) tensor of int64

    Raises
    ------
    InputError
        For labels outside of that range.
    """
    y = whole_labels(y, len(y), y.device)
    n_classes = max(n_outputs, 2)
    if y.dtype == torch.bool:
        if n_classes > 2:
            raise InputError(f"{n_classes} classes need labels 0..{n_classes - 1}, got booleans.")
        return y.long()
    if y.numel() == 0:
        return y
    low, high = (int(end) for end in torch.aminmax(y))
    if n_outputs == 1 and low == -1 and high <= 1 and not bool((y == 0).any()):
        return (y > 0).long()
    if low >= 0 and high < n_classes:
        return y
    if n_outputs == 1:
        raise InputError(
            f"the labels of a network with one output must be 0 and 1, or -1 and +1, got "
            f"{sorted(y.unique().tolist())[:5]}."
        )
    raise InputError(f"class labels must lie in 0..{n_classes - 1}, got {low}..{high}.")


def classes(z: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of at least two classes, and labels that are classes: what every loss starts from.

    Source: own

    Parameters
    ----------
    z : (n, K), (n, 1) or (n,) tensor
    y : (n,) whole numbers, as for `class_labels`

    Returns
    -------
    (n, K) tensor, (n,) tensor of int64
        K >= 2; one output z becomes (0, z).
    """
    y = class_labels(whole_labels(y, len(z), z.device), _outputs(z))
    return two_logits(z), y


def two_logits(z: torch.Tensor) -> torch.Tensor:
    """(n,) or (n, 1) as the two logits (0, z); (n, K) as it is.

    Source: own
    """
    if _outputs(z) > 1:
        return z
    z = z.reshape(-1, 1)
    return torch.cat([torch.zeros_like(z), z], dim=1)


class Logits(nn.Module):
    """A network whose answer is (n, K) with K >= 2, and whose refusals are one sentence.

    Source: own
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, ...) -> (n, K)."""
        return two_logits(answer(self.net, x))


def answer(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What the network says of x: (n, K), (n, 1) or (n,), or one sentence why not.

    Source: own

    Raises
    ------
    InputError
        If the network fails on x, or answers with something else than one row a sample.
    """
    try:
        z = net(x)
    except (RobustcoreError, torch.OutOfMemoryError):
        raise
    except _FAILURES as error:
        raise InputError(
            f"the network does not take x of shape {tuple(x.shape)}, {x.dtype} on {x.device}: "
            f"{str(error).splitlines()[0] if str(error) else type(error).__name__}"
        ) from error
    if not isinstance(z, torch.Tensor):
        raise InputError(f"net must give logits (n, K), got a {type(z).__name__}.")
    if z.ndim not in (1, 2) or len(z) != len(x):
        raise InputError(f"net must give logits (n, K), got shape {tuple(z.shape)}.")
    return z


def as_tensor(name: str, value: Any) -> torch.Tensor:
    """A tensor, array or sequence of numbers as a tensor.

    Source: own

    Raises
    ------
    InputError
        For anything else.
    """
    if isinstance(value, torch.Tensor):
        return value
    try:
        array = np.asarray(value)
        # the machine's byte order, no negative strides, nothing read-only: what torch can take
        array = np.require(array, array.dtype.newbyteorder("=").str, ["C", "W"])
        return torch.as_tensor(array)
    except (TypeError, ValueError, RuntimeError) as error:
        got = type(value).__name__ + (f" of {value.dtype}" if hasattr(value, "dtype") else "")
        raise InputError(f"{name} must be a tensor or an array of numbers, got {got}.") from error


def per_sample(loss: Any, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """loss(z, y), which must be one number a sample.

    Source: own
    """
    value = loss(z, y)
    if not isinstance(value, torch.Tensor) or value.shape != y.shape:
        got = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
        raise InputError(f"the loss must give one number a sample, ({len(y)},), got {got}.")
    return value


def outside_inference(value: torch.Tensor) -> torch.Tensor:
    """A tensor made under `torch.inference_mode` as one that a graph may keep.

    Source: own
    """
    if not value.is_inference():
        return value
    with torch.inference_mode(False):
        return value.clone()


def _outputs(z: torch.Tensor) -> int:
    if z.ndim not in (1, 2) or 0 in z.shape[1:]:
        raise InputError(f"logits must have shape (n, K), got {tuple(z.shape)}.")
    return 1 if z.ndim == 1 else z.shape[1]
