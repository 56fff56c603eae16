"""Threat sets of tabular data as vertices, for `Hull` and `rub_polytope`.

A radius of its own for each feature, features that cannot be touched, a category that may be
swapped, and both at once. Perturbations are in raw input units.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..errors import InputError, check_finite


def feature_radii(radii: torch.Tensor) -> torch.Tensor:
    r"""The weighted L1 ball :math:`\sum_m|\delta_m|/\rho_m\le1` by its vertices.

    A feature of radius 0 is not perturbed: a subset of the features is this with zeros.

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    radii : (M,) tensor
        How far feature m may move when nothing else does; at least one must be positive.

    Returns
    -------
    (2 M', M) tensor
        M' positive radii: first all :math:`+\rho_me_m`, then all :math:`-\rho_me_m`.

    Raises
    ------
    InputError
        If `radii` is not a vector, or holds a negative number or no positive one.
    """
    check_finite("radii", radii)
    if radii.ndim != 1 or bool((radii < 0).any()) or not bool((radii > 0).any()):
        raise InputError(
            "radii must be one number >= 0 a feature, at least one of them positive, got "
            f"{radii.tolist()}."
        )
    steps = torch.diag(radii)[radii > 0]
    return torch.cat([steps, -steps])


def one_hot_swaps(x: torch.Tensor, groups: Sequence[Sequence[int]]) -> torch.Tensor:
    r"""No change, or the category of one group replaced by another: :math:`e_j-e_i`.

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    x : (n, M) tensor
        Each group of columns holds one 1 and otherwise zeros.
    groups : sequence of sequences of column indices
        The categorical features; for example [[3, 4, 5]].

    Returns
    -------
    (n, 1 + number of columns in all groups, M) tensor
        The first vertex is no change; that of the category a sample already has is again no
        change.

    Raises
    ------
    InputError
        If a group is not one-hot in some sample, or columns are out of range or named twice.
    """
    check_finite("x", x)
    columns = [m for group in groups for m in group]
    if x.ndim != 2 or not columns:
        raise InputError(f"x must be (n, M) and groups not empty, got {tuple(x.shape)}, {groups}.")
    if len(set(columns)) < len(columns) or not 0 <= min(columns) <= max(columns) < x.shape[1]:
        raise InputError(f"groups must name distinct columns below {x.shape[1]}, got {groups}.")
    vertices = x.new_zeros(x.shape[0], 1 + len(columns), x.shape[1])
    at = 1
    for group in groups:
        part = x[:, list(group)]
        if not bool((((part == 0) | (part == 1)).all(1) & (part.sum(1) == 1)).all()):
            raise InputError(f"columns {list(group)} must be one-hot: one 1 a sample, else 0.")
        target = torch.eye(len(group), dtype=x.dtype, device=x.device)
        vertices[:, at : at + len(group), list(group)] = target - part[:, None]
        at += len(group)
    return vertices


def sum_of(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    r"""Both perturbations at once: the Minkowski sum, :math:`\{a+b\}`, by all pairs of vertices.

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    first, second : (V, M) or (n, V, M) tensors

    Returns
    -------
    (V1 V2, M) or (n, V1 V2, M) tensor

    Raises
    ------
    InputError
        If the two have other shapes than these, or differ in n or M.
    """
    fits = first.ndim in (2, 3) and second.ndim in (2, 3) and first.shape[-1] == second.shape[-1]
    if fits and first.ndim == second.ndim == 3:
        fits = first.shape[0] == second.shape[0]
    if not fits:
        raise InputError(
            "vertices must be (V, M) or (n, V, M) with equal n and M, got "
            f"{tuple(first.shape)} and {tuple(second.shape)}."
        )
    return (first[..., :, None, :] + second[..., None, :, :]).flatten(-3, -2)
