"""PGD as Section VII-D of paper A prints it, beside PGD and FGSM, on random networks."""

from __future__ import annotations

from typing import Any

import torch

from .a7_cifar.descent import PGD_STEPS, STEPS_ACROSS, Stack, attacked


def record(
    n_networks: int = 8, n: int = 32, d: int = 147, width: int = 72, radius_255: float = 10.0
) -> dict[str, list[dict[str, Any]]]:
    """How far the ends of the two forms of PGD are from FGSM's, in radii.

    Source: [A] Section VII-D, eq. (3)

    Returns
    -------
    list of dict
        One row a network, seeds from 0: `printed` and `proper`, the largest distance over n random
        inputs in 0..1 and their entries.
    """
    radius = radius_255 / 255
    stack = Stack.initialise(d, width, range(n_networks)).detached()
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n_networks, n, d, generator=generator)
    y = torch.where(torch.rand(n_networks, n, generator=generator) < 0.5, 1.0, -1.0)
    fast = attacked(stack, x, y, radius, 1, radius)
    step = radius / STEPS_ACROSS
    ends = {
        "printed": attacked(stack, x, y, radius, PGD_STEPS, step, as_printed=True),
        "proper": attacked(stack, x, y, radius, PGD_STEPS, step),
    }
    off = {name: (end - fast).abs().amax((1, 2)) / radius for name, end in ends.items()}
    return {
        "a7_printed_pgd": [
            {"seed": seed, **{name: float(o[seed]) for name, o in off.items()}}
            for seed in range(n_networks)
        ]
    }
