"""Convolutional networks of paper B: RUB through convolutions and pools, and Tables 10-12."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from robustcore import attacks, defenses, evaluation

from .attacked import tables
from .images import Pictures, Recipe, load_pictures
from .pooling import lemma_13, soundness


def certified_rows(
    pictures: Pictures,
    recipe: Recipe,
    pools: Sequence[str] = ("average", "max"),
    epsilon: float = 0.05,
    test_epsilons: Sequence[float] = (0.02, 0.05, 0.1),
    top: int = 4,
) -> list[dict[str, object]]:
    """RUB through convolutions and pools: train each method, certify over the L1 radius.

    Source: [B] Appendix C ("left this computation for future work")

    Returns
    -------
    list of dict
        A row for each (pool, method, test epsilon). Shares of the test images: `certified` by RUB
        with its 95 % interval `low`, `high`; `crown`, certified by CROWN, for average pools only (a
        max pool is a tournament to it, two orders slower); `adversarial`, left by PGD; `clean`.
    """
    ball = pictures.ball(1, epsilon)
    methods = {
        "nominal": defenses.nominal(),
        "arub": defenses.arub(ball),
        "rub": defenses.rub(ball, top=top),
    }
    rows: list[dict[str, object]] = []
    for pool, (method, defense) in itertools.product(pools, methods.items()):
        net, record = recipe.train(pictures, defense, pool)
        clean = evaluation.clean_accuracy(net, *pictures.test).value
        for test_epsilon in test_epsilons:
            at = pictures.ball(1, test_epsilon)
            proved = evaluation.certified_accuracy(net, *pictures.test, at, method="rub")
            other = None
            if pool == "average":
                other = evaluation.certified_accuracy(net, *pictures.test, at, "crown").value
            rows.append(
                {
                    "pool": pool,
                    "method": method,
                    "epsilon": test_epsilon,
                    "radius": at.radius,
                    "certified": proved.value,
                    "low": proved.low,
                    "high": proved.high,
                    "crown": other,
                    "adversarial": evaluation.adversarial_accuracy(
                        net, *pictures.test, at, attacks.pgd
                    ).value,
                    "clean": clean,
                    "n": proved.n,
                    "train_seconds": round(record.seconds, 2),
                }
            )
    return rows


def record(
    data: str = "mnist-sample",
    table_data: Sequence[str] = ("mnist-sample",),
    side: int = 14,
    steps: int = 120,
    table_steps: int = 100,
    epsilon: float = 0.05,
    test_epsilons: Sequence[float] = (0.02, 0.05, 0.1),
    n_test: int = 80,
    n_attacked: int = 100,
    instances: int = 8,
    seed: int = 0,
    device: str = "auto",
) -> dict[str, list[dict]]:
    """All experiments of the page.

    Source: [B] Lemma 13, Appendix C, Tables 10, 11, 12

    Returns
    -------
    dict
        Records `b6_convolution.lemma_13`, `.soundness`, `.certified` and `.tables`.
    """
    pictures = load_pictures(data, side, n_test, device)
    recipe = Recipe(steps, seed)
    return {
        "b6_convolution.lemma_13": lemma_13(seed=seed),
        "b6_convolution.soundness": soundness(instances, seed=seed),
        "b6_convolution.certified": certified_rows(
            pictures, recipe, epsilon=epsilon, test_epsilons=test_epsilons
        ),
        "b6_convolution.tables": tables(
            table_data, Recipe(table_steps, seed), side, n_attacked, device
        ),
    }
