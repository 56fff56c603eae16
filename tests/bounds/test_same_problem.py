"""Bounds x laws, continued: what is the same problem in other words has the same bound.

Each law makes another case of a case, and says what its bound is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from bound_cases import LOSSES, Case, every_bound, found, near, some
from robustcore.networks import ReLUNetwork, Scaler

Answer = Callable[[torch.Tensor], torch.Tensor]


def samples_in_another_order(case: Case) -> tuple[Case, Answer]:
    """A bound of a batch is that of each sample, in its order, however often it stands there."""
    order = [1, 0, 1]
    return replace(case, x=case.x[order], y=case.y[order]), lambda found: found[order]


def a_sample_alone(case: Case) -> tuple[Case, Answer]:
    """A batch is one by one: no sample sees another."""
    return replace(case, x=case.x[:1], y=case.y[:1]), lambda found: found[:1]


def classes_renamed(case: Case) -> tuple[Case, Answer]:
    """The classes have no order."""
    order, layers = torch.tensor([2, 0, 1]), case.layers()
    layers[-1] = [part[order] for part in layers[-1]]
    renamed = replace(case, net=ReLUNetwork.from_arrays(layers), y=order.argsort()[case.y])
    return renamed, lambda found: found[:, order] if found.ndim == 2 else found


def features_renamed(case: Case) -> tuple[Case, Answer]:
    """The features have no order."""
    layers = case.layers()
    layers[0][0] = layers[0][0].flip(1)
    return replace(case, net=ReLUNetwork.from_arrays(layers), x=case.x.flip(1)), lambda found: found


def neurons_renamed_and_rescaled(case: Case) -> tuple[Case, Answer]:
    """Hidden neurons have no order, and no size: [s z]_+ / s is [z]_+."""
    layers = case.layers()
    for here, after in pairwise(layers):
        s = 2.0 ** torch.arange(len(here[1]))
        here[0], here[1] = (s[:, None] * here[0]).flip(0), (s * here[1]).flip(0)
        after[0] = (after[0] / s).flip(1)
    return replace(case, net=ReLUNetwork.from_arrays(layers)), lambda found: found


def logits_shifted(case: Case) -> tuple[Case, Answer]:
    """A number added to every logit is in no gap."""
    layers = case.layers()
    layers[-1][1] += 3.0
    return replace(case, net=ReLUNetwork.from_arrays(layers)), lambda found: found


def logits_scaled(case: Case) -> tuple[Case, Answer]:
    """Logits times 4 have gaps, and bounds, times 4."""
    layers = case.layers()
    layers[-1] = [4 * part for part in layers[-1]]
    return replace(case, net=ReLUNetwork.from_arrays(layers)), lambda found: 4 * found


def inputs_shifted(case: Case) -> tuple[Case, Answer]:
    """Inputs that are moved, and a bias that moves them back."""
    layers = case.layers()
    layers[0][1] -= 0.5 * layers[0][0].sum(1)
    box = (case.box[0] + 0.5, case.box[1] + 0.5)
    moved = replace(case, net=ReLUNetwork.from_arrays(layers), x=case.x + 0.5, box=box)
    return moved, lambda found: found


def inputs_in_other_units(case: Case) -> tuple[Case, Answer]:
    """The radius is in the units of the raw inputs: a scaler inside the network undoes them."""
    M = case.x.shape[1]
    scaler = Scaler(torch.full((M,), 1.0).double(), torch.full((M,), 3.0).double())
    box = (3 * case.box[0] + 1, 3 * case.box[1] + 1)
    net = ReLUNetwork.from_arrays(case.layers(), scaler)
    other = replace(case, net=net, x=3 * case.x + 1, radius=3 * case.radius, box=box)
    return other, lambda found: found


@pytest.mark.parametrize(
    "change",
    [
        samples_in_another_order,
        a_sample_alone,
        classes_renamed,
        features_renamed,
        neurons_renamed_and_rescaled,
        logits_shifted,
        logits_scaled,
        inputs_shifted,
        inputs_in_other_units,
    ],
)
@every_bound
def test_invariance(name: str, p: float, change: Callable[[Case], tuple[Case, Answer]]) -> None:
    """What is the same problem in other words has the same bound."""
    if change is logits_scaled and name in LOSSES:
        return  # a loss is not homogeneous
    for number, case in some(name, 3):
        other, answer = change(case)
        near(name, other.bound(name, p), answer(found(name, p, number)))
