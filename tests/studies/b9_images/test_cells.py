"""The sweep over the images: rows follow from each other, in both units, alone and in a stack."""

from __future__ import annotations

import functools
import math

import pytest
import torch

from robustcore import LpBall
from studies import b9_images
from studies.b9_images.cells import images, standardised
from studies.b9_images.printed import certified_radii
from studies.judging import contains

SMALL = {
    "data": ("mnist-sample",),
    "units": ("pixels",),
    "methods": ("rub",),
    "epsilons": (0.03, 0.1),
    "steps": 40,
    "pgd_steps": 2,
    "width": 12,
    "n_validation": 4,
    "n_test": 12,
    "attack_steps": 3,
}


@functools.cache
def _rows(max_stack: int = 1) -> dict[tuple[str, str, float], dict[str, object]]:
    sweep = b9_images.sweep(**SMALL, max_stack=max_stack)
    found = {}
    for stack in sweep.stacks():
        for cell, row in zip(stack, sweep.run(stack), strict=True):
            found[cell["unit"], cell["method"], cell["epsilon"]] = row
    return found


def test_counts_follow_from_each_other() -> None:
    at = [b9_images.radii("mnist")["L1"].index(r) for r in certified_radii("mnist")]
    for row in _rows().values():
        for part in ("validation", "test"):
            counts = row[part]
            for norm in ("L1", "L2", "Linf"):
                strong = counts[f"strong-{norm}"]
                assert strong == sorted(strong, reverse=True)
                assert all(s <= counts["clean"][0] for s in strong)
            attacked = [counts["strong-L1"][i] for i in at]
            for rub, tightest, above in zip(
                counts["certified"]["rub"], counts["certified"]["tightest"], attacked, strict=True
            ):
                assert rub <= tightest <= above


def test_a_stack_gives_the_rows_of_its_networks() -> None:
    for key, row in _rows(max_stack=2).items():
        alone = _rows()[key]
        for part in ("validation", "test"):
            for name in ("clean", "strong-Linf", "PGD-L2"):
                both = zip(row[part][name], alone[part][name], strict=True)
                assert all(abs(one - other) <= 1 for one, other in both)  # a rounding may turn one


def test_standardised_images_have_mean_0_and_deviation_1() -> None:
    x = standardised(torch.rand(5, 64, dtype=torch.float64))
    torch.testing.assert_close(x.mean(dim=1), torch.zeros(5, dtype=torch.float64))
    torch.testing.assert_close(
        x.std(dim=1, correction=0), torch.ones(5, dtype=torch.float64), rtol=1e-12, atol=0
    )
    assert bool(standardised(torch.full((1, 64), 0.3)).isfinite().all())  # an image of one grey


def test_the_two_units_hold_the_same_images() -> None:
    pixels, scaled = (
        images("mnist-sample", unit, 4, 6, "cpu") for unit in ("pixels", "standardised")
    )
    assert pixels.box == (0, 1)
    assert scaled.box is None
    torch.testing.assert_close(scaled.test[0], standardised(pixels.test[0]))
    assert torch.equal(scaled.test[1], pixels.test[1])


@pytest.mark.parametrize(
    ("outer", "inner", "inside"),
    [
        ((2, 1.0), (1, 1.0), True),  # |d|_2 <= |d|_1
        ((1, 1.0), (2, 1.0), False),
        ((1, 2.0), (2, 1.0), True),  # |d|_1 <= 2 |d|_2 in four dimensions
        ((1, 1.9), (2, 1.0), False),
        ((2, 2.0), (math.inf, 1.0), True),
        ((2, 1.9), (math.inf, 1.0), False),
        ((math.inf, 1.0), (1, 1.0), True),
        ((math.inf, 0.9), (2, 1.0), False),
        ((1, 4.0), (math.inf, 1.0), True),
    ],
)
def test_one_ball_in_another(
    outer: tuple[float, float], inner: tuple[float, float], inside: bool
) -> None:
    assert contains(LpBall(*outer), LpBall(*inner), 4) is inside
