"""RUB as a training loss and as a certificate on images: the counterpart of paper B's Table 8."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from robustcore import attacks, evaluation
from robustcore.errors import InputError
from robustcore.methods import defense as make_defense
from robustcore.networks import ReLUNetwork

from ..mnist_networks import Images, load_images, train_network
from . import proof, tightness
from .small import soundness

# [B] Table 8, certified accuracy in per cent: method to {epsilon: value}, L1 radius = 28 epsilon
TABLE_8 = {
    "rub": {0.0: 98.01, 0.01: 97.46, 0.1: 97.11, 0.3: 93.67},
    "arub": {0.0: 98.52, 0.01: 98.20, 0.1: 96.48, 0.3: 89.96},
    "nominal": {0.0: 97.73, 0.01: 97.54, 0.1: 93.87, 0.3: 44.80},
}

_GPU_ROWS = 65_536  # rows of the RUB sweep held at once on a GPU


def certified_curves(
    images: Images,
    methods: Sequence[str] = ("nominal", "arub", "rub"),
    training_epsilons: Sequence[float] = (0.03, 0.1),
    test_epsilons: Sequence[float] = (0.0, 0.03, 0.1, 0.2, 0.3),
    width: int = 50,
    steps: int = 500,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> list[dict[str, object]]:
    """Train each method with each setting; certify validation and test images at each radius.

    Source: [B] Section 6.3, Tables 7-9

    Returns
    -------
    list of dict
        A row for each (method, training epsilon, test epsilon). Shares of images:
        `certified` by RUB with its 95 % interval `low`, `high`; `best`, by the tightest of RUB,
        CROWN and intervals; `adversarial`, left by PGD; `clean`; `validation`, certified by RUB
        on the validation images. `radius` is the L1 radius.

    Notes
    -----
    Nominal training has no radius: it gets as many networks as the others, with other seeds, so
    that every method has the same number of candidates.
    """
    rows: list[dict[str, object]] = []
    chunk = _GPU_ROWS if images.train[0].is_cuda else None
    for method, (i, epsilon) in itertools.product(methods, enumerate(training_epsilons)):
        nominal = method == "nominal"
        options = {"chunk": chunk} if method == "rub" else {}
        net, record = train_network(
            images,
            make_defense(method, images.ball(1, 0.0 if nominal else epsilon), **options),
            width=width,
            steps=steps,
            batch_size=32,
            learning_rate=learning_rate,
            seed=seed + i if nominal else seed,
        )
        trained = {
            "method": method,
            "training_epsilon": None if nominal else epsilon,
            "candidate": i,
            "train_seconds": round(record.seconds, 2),
        }
        rows += [trained | _judged(net, images, e) for e in test_epsilons]
    return rows


def _judged(net: ReLUNetwork, images: Images, epsilon: float) -> dict[str, object]:
    ball = images.ball(1, epsilon)
    certified = evaluation.certified_accuracy(net, *images.test, ball, method="rub")
    return {
        "epsilon": epsilon,
        "radius": ball.radius,
        "certified": certified.value,
        "low": certified.low,
        "high": certified.high,
        "n": certified.n,
        "best": evaluation.certified_accuracy(net, *images.test, ball, method="best").value,
        "adversarial": evaluation.adversarial_accuracy(net, *images.test, ball, attacks.pgd).value,
        "clean": evaluation.clean_accuracy(net, *images.test).value,
        "validation": evaluation.certified_accuracy(
            net, *images.validation, ball, method="rub"
        ).value,
    }


def select(rows: Sequence[dict], by: str = "validation") -> list[dict]:
    """For each method and test radius the candidate that certifies most validation images.

    Source: [B] Section 6.3 ("selecting the hyperparameters that lead to the best lower bound in the
    validation set")

    Raises
    ------
    InputError
        For no rows.
    """
    if not rows:
        raise InputError("there are no rows to select from.")
    best: dict[tuple[str, float], dict] = {}
    for row in rows:
        key = row["method"], row["epsilon"]
        if key not in best or row[by] > best[key][by]:
            best[key] = row
    return list(best.values())


def at_training_radius(selected: Sequence[dict], epsilon: float) -> dict[str, dict]:
    """The chosen row of each method at one test radius.

    Source: own

    Raises
    ------
    InputError
        If no row has that radius.
    """
    found = {row["method"]: row for row in selected if row["epsilon"] == epsilon}
    if not found:
        raise InputError(f"no row was tested at epsilon {epsilon:g}.")
    return found


def verdict_table(
    paper: dict[str, dict[float, float]], recorded: Sequence[dict], here: Sequence[dict]
) -> list[dict[str, object]]:
    """Certified accuracy in per cent for each method and epsilon: paper, recorded, this run.

    Source: [B] Table 8

    Returns
    -------
    list of dict
        "-" where a source has no such radius. "by RUB" and "tightest" are two certificates of the
        same networks.
    """
    epsilons = sorted({r["epsilon"] for r in here})
    rows: list[dict[str, object]] = []
    for method, epsilon in itertools.product(paper, epsilons):
        row: dict[str, object] = {"method": method, "ρ / √M": f"{epsilon:g}"}
        row["paper, by RUB"] = paper[method].get(epsilon, "-")
        for name, source in (("recorded", recorded), ("this run", here)):
            match = [r for r in source if (r["method"], r["epsilon"]) == (method, epsilon)]
            row[f"{name}, by RUB"] = 100 * match[0]["certified"] if match else "-"
            row[f"{name}, tightest"] = 100 * match[0]["best"] if match else "-"
        rows.append(row)
    return rows


def record(
    data: str = "mnist-sample",
    side: int = 14,
    width: int = 50,
    steps: int = 500,
    learning_rate: float = 3e-3,
    training_epsilons: Sequence[float] = (0.03, 0.1),
    test_epsilons: Sequence[float] = (0.0, 0.03, 0.1, 0.2, 0.3),
    n_validation: int = 200,
    n_test: int = 300,
    instances: int = 30,
    seed: int = 0,
    device: str = "auto",
) -> dict[str, list[dict]]:
    """Every experiment of the page.

    Source: [B] Section 6.3, Table 8

    Returns
    -------
    dict
        Records `b5_rub.soundness` and `b5_rub.certified`; those of `b5_rub.proof` and
        `b5_rub.tightness`.
    """
    images = load_images(data, side, n_validation, n_test, device)
    curves = certified_curves(
        images,
        training_epsilons=training_epsilons,
        test_epsilons=test_epsilons,
        width=width,
        steps=steps,
        learning_rate=learning_rate,
        seed=seed,
    )
    small = soundness(instances, seed=seed)
    further = proof.record(instances, seed)
    further |= tightness.record(instances // 6, seed=seed)
    return {"b5_rub.soundness": small, "b5_rub.certified": curves, **further}
