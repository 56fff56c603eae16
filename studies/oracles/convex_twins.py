"""Paper A's theorems against their naive twins, over many small and often degenerate instances.

    python -m studies.oracles.convex_twins --instances 200

Each check returns the size of the largest violation; what size is rounding is said beside it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from robustcore import convex, patterns
from robustcore.networks import TwoLayerReLU
from robustcore.patterns import Patterns

from . import losses
from .checks import Check, by_name
from .expected import read_from_the_solution
from .instances import Instance, feasible_over_vertices, instance, random_network


@read_from_the_solution()
def _train(case: Instance, which: Patterns) -> convex.ConvexSolution:
    return convex.train_standard(case.X, case.y, which, case.beta, case.loss)


@read_from_the_solution()
def _train_robust(case: Instance, which: Patterns, reduce: bool = True) -> convex.ConvexSolution:
    return convex.train_robust_hinge(
        case.X, case.y, which, case.ball, case.beta, case.perturb_bias, reduce=reduce
    )


def strong_duality(case: Instance) -> float:
    """Theorem 1: primal (5) minus the certified dual (6).

    Source: [A] Theorem 1
    """
    return abs(_train(case, case.all_patterns).gap)


def recovered_cost(case: Instance) -> float:
    """Lemma 6: |objective of (5) - cost (4) of the recovered network|.

    Source: [A] Lemma 6
    """
    solution = _train(case, case.all_patterns)
    cost = convex.training_cost(solution.network(), case.X, case.y, case.beta, case.loss)
    return abs(cost - solution.objective)


def recovered_cost_at_any_point(case: Instance) -> float:
    """Lemma 6 away from the optimum: v_i and w_i are random points of their cells.

    Source: [A] Lemma 6
    """
    cells = case.all_patterns
    assert cells.gates is not None
    scale = case.rng.exponential(size=(2, len(cells), 1))
    v, w = scale * cells.gates.T
    design = patterns.design_matrix(case.X, case.bias)
    score = (cells.active * (design @ (v - w).T)).sum(axis=1)
    loss = losses.listed(case.loss, score[None], case.y)
    value = loss + case.beta * (np.linalg.norm(v, axis=1) + np.linalg.norm(w, axis=1)).sum()
    net = convex.recover(v, w, case.bias)
    cost = convex.training_cost(net, case.X, case.y, case.beta, case.loss)
    return abs(cost - value) / max(1.0, abs(value))


def global_optimality(case: Instance) -> float:
    """Theorem 1: by how much an untrained or a nudged network costs less than the lower bound.

    Source: [A] Theorem 1
    """
    solution = _train(case, case.all_patterns)
    best = solution.network()
    rivals = [random_network(case, width) for width in (1, 3, 20)]
    for size in (1e-3, 1e-2, 1e-1):
        noise = [torch.from_numpy(case.rng.standard_normal(p.shape)) for p in best.parameters()]
        u, alpha, b = (p.detach() + size * e for p, e in zip(best.parameters(), noise, strict=True))
        rivals.append(TwoLayerReLU(u, alpha, b if case.bias else None))
    costs = [convex.training_cost(r, case.X, case.y, case.beta, case.loss) for r in rivals]
    return max(0.0, solution.lower_bound - min(costs))


def pruned_width(case: Instance) -> float:
    """m* <= n + 1: neurons above n after pruning, plus the change of the objective.

    Source: [A] Theorem 1
    """
    solution = _train(case, case.all_patterns)
    pruned = convex.prune(solution, case.X, case.y)
    return max(0, pruned.n_neurons - len(case.X)) + abs(pruned.objective - solution.objective)


def more_patterns(case: Instance) -> float:
    """Theorem 2, first part: the rise of the optimum when a pattern is added.

    Source: [A] Theorem 2
    """
    cells = case.all_patterns
    order = case.rng.permutation(len(cells))[: 1 + len(cells) // 2]
    fewer, more = (_train(case, cells.take(order[:k])) for k in (len(order) - 1, len(order)))
    return max(0.0, more.objective - fewer.objective)


def inner_maximum(case: Instance) -> float:
    """Theorems 3 and 4: |objective of (15) - robust cost over the vertices of every box|.

    Source: [A] Theorems 3, 4
    """
    solution = _train_robust(case, case.all_patterns)
    cost = convex.vertex_cost(
        solution.network(),
        case.X,
        case.y,
        case.ball,
        case.beta,
        perturb_bias=case.perturb_bias,
    )
    return abs(cost - solution.objective)


def robust_duality(case: Instance) -> float:
    """(15) minus its closed-form lower bound.

    Source: [A] eq. (15)
    """
    return abs(_train_robust(case, case.all_patterns).gap)


def reductions(case: Instance) -> float:
    """|reduced (15) - (15) as printed|.

    Source: own (on [A] eq. (15))
    """
    cells = case.all_patterns
    return abs(
        _train_robust(case, cells).objective - _train_robust(case, cells, reduce=False).objective
    )


def feasibility_filter(case: Instance) -> float:
    """Patterns on which the linear program and (10b) over vertices disagree.

    Source: own (on [A] eq. (10b))
    """
    both = case.all_patterns.union(_perturbed(case))
    fast = patterns.robust_feasible(case.X, both, case.ball, case.perturb_bias)
    return float((fast != feasible_over_vertices(case.X, both, case.ball, case.perturb_bias)).sum())


def dead_patterns(case: Instance) -> float:
    """Perturbed patterns that clean data has not: how many survive, plus the change of (15).

    Source: own (on [A] Algorithm 2)
    """
    cells, perturbed = case.all_patterns, _perturbed(case)
    new = perturbed.take(~cells.contains(perturbed))
    alive = patterns.robust_feasible(case.X, new, case.ball, case.perturb_bias).sum()
    # as printed, so that no filter removes them beforehand
    whole = _train_robust(case, cells.union(perturbed), reduce=False)
    return float(alive) + abs(whole.objective - _train_robust(case, cells).objective)


def _perturbed(case: Instance) -> Patterns:
    wide = replace(case, ball=case.ball.with_radius(3 * case.ball.radius)).ball
    return patterns.sample_perturbed(
        case.X,
        wide,
        20,
        case.rng,
        n_gates=10,
        n_perturbations=5,
        bias=case.bias,
        perturb_bias=case.perturb_bias,
        at_most=True,
    )


def all_cells(case: Instance) -> float:
    """Patterns met by 2000 Gaussian gates that the enumeration lacks, plus gates that disagree.

    Source: own
    """
    cells = case.all_patterns
    met = patterns.sample(case.X, 2**14, case.rng, case.bias, max_draws=2000, at_most=True)
    assert cells.gates is not None
    again = patterns.of(case.X, cells.gates, case.bias)
    return float((~cells.contains(met)).sum() + (~cells.contains(again)).sum())


CHECKS = by_name(
    Check("Theorem 1: (5) = (6)", strong_duality, 2e-6),
    Check("Theorem 1: (4) >= (6) at any network", global_optimality, 1e-8),
    Check("Theorem 1: m* <= n after pruning", pruned_width, 1e-6),
    Check("Lemma 6, at the optimum", recovered_cost, 1e-7),
    Check("Lemma 6, anywhere", recovered_cost_at_any_point, 1e-12),
    Check("Theorem 2: p_s2 <= p_s1", more_patterns, 1e-6),
    Check("Theorems 3, 4: (15) = robust cost", inner_maximum, 1e-7),
    Check("(15) = its certificate", robust_duality, 5e-6),
    Check("(15) reduced = (15) as printed", reductions, 2e-6),
    Check("feasible by one LP = (10b) over vertices", feasibility_filter, 0.0),
    Check("perturbed patterns off the clean ones are dead", dead_patterns, 2e-6),
    Check("enumeration lacks no pattern", all_cells, 0.0),
)


def run_check(name: str, n_instances: int, first_seed: int = 0) -> dict[str, Any]:
    """The largest violation of one statement over `n_instances` instances.

    Source: own
    """
    check = CHECKS[name]
    sizes = [check.violation(instance(first_seed + k)) for k in range(n_instances)]
    return check.row(sizes, first_seed)


def main() -> None:
    """Print the campaign.

    Source: own
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--instances", type=int, default=200)
    n_instances = parser.parse_args().instances
    for name in CHECKS:
        row = run_check(name, n_instances)
        print(f"{row['statement']:50}", f"{row['largest_violation']:9.1e}", row["worst_seed"])


if __name__ == "__main__":
    main()
