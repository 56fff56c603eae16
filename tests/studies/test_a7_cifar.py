"""Tables I and II: stacks of networks, their attacks and bounds, and what the tables rest on."""

import math

import numpy as np
import pytest
import torch

from contract import recorded
from robustcore import attacks, bounds, convex, patterns
from robustcore.balls import LpBall
from robustcore.errors import InputError, SolverError
from robustcore.networks import TwoLayerReLU
from robustcore.plots import style
from studies import a7_cifar, cifar_pairs
from studies.a4_hinge import cifar
from studies.a7_cifar import baselines, cost, descent, pictures, programs
from studies.a7_cifar import printed_tables as paper

RADIUS = 0.1


def toy(n=24, d=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = np.where(X[:, 0] + 0.3 * X[:, 1] * X[:, 2] >= 0, 1.0, -1.0)
    return cifar_pairs.Pair(X, y, X[: n // 2], y[: n // 2])


def stack_and_batch(seed=0, runs=3, n=7, d=5, m=6):
    generator = torch.Generator().manual_seed(seed)
    draw = {"generator": generator, "dtype": torch.float64}
    stack = descent.Stack(torch.randn(runs, m, d, **draw), torch.randn(runs, m, **draw))
    x = torch.randn(runs, n, d, **draw)
    y = torch.sign(torch.randn(runs, n, **draw))
    return stack, x, y


def test_only_a_test_set_of_2000_images_explains_the_printed_digits():
    rows = paper.fitting_test_sizes([200, 400, 500, 600, 1000, 2000])
    assert [r["n_test"] for r in rows if r["fitting"] == r["means"]] == [2000]


def test_printed_rows_are_shares_and_only_table_1_has_deviations():
    assert paper.printed(36, "algorithm_2")["pgd_accuracy"] == pytest.approx(0.6681)
    assert paper.printed(36, "algorithm_2")["objective_deviation"] == pytest.approx(6.903e-3)
    assert set(paper.printed(24, "gd_pgd")) == set(paper.COLUMNS)


def test_a_stack_is_its_networks_and_its_slope_their_gradient():
    stack, x, _ = stack_and_batch()
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(stack.score(x).sum(), x)
    assert torch.allclose(gradient, stack.slope(x))
    for run in range(3):
        net = stack.network(run)
        assert torch.allclose(net(x[run]), stack.score(x)[run])
        assert float(net.penalty().detach()) == pytest.approx(float(stack.penalty()[run]))


def test_pgd_as_printed_is_fgsm_and_pgd_proper_is_stronger():
    stack, x, y = stack_and_batch(1, n=40)
    step = RADIUS / descent.STEPS_ACROSS
    fast = descent.attacked(stack, x, y, RADIUS, 1, RADIUS)
    printed = descent.attacked(stack, x, y, RADIUS, descent.PGD_STEPS, step, as_printed=True)
    proper = descent.attacked(stack, x, y, RADIUS, descent.PGD_STEPS, step)
    assert torch.allclose(fast, printed)
    assert ((proper - x).abs() <= RADIUS + 1e-12).all()
    margin = [float((y * stack.score(moved)).mean()) for moved in (x, fast, proper)]
    assert margin[0] > margin[1] > margin[2]


def test_the_kink_by_hand():
    margin = {r["method"]: r["margin"] for r in descent.by_hand(0.1, 0.5)}
    assert margin["FGSM"] == pytest.approx(0.4)
    assert margin["PGD as printed"] == pytest.approx(0.4)
    assert 0 <= margin["PGD"] < 0.5 / 30
    assert margin["CROWN"] == pytest.approx(-0.4)


def test_an_attack_of_one_step_is_the_librarys():
    stack, x, y = stack_and_batch(2)
    mine = descent.attacked(stack, x, y, RADIUS, 1, RADIUS)
    for run in range(3):
        net, labels = stack.network(run).as_classifier(), (y[run] > 0).long()
        ball = LpBall(math.inf, RADIUS)
        theirs = attacks.fgm(net, x[run], labels, ball, loss=attacks.margin)
        assert torch.allclose(mine[run], theirs)


@pytest.mark.parametrize("radius", [0.0, 0.05, 0.3, 2.0])
def test_the_certified_margin_is_crowns(radius):
    stack, x, y = stack_and_batch(3)
    mine = descent.certified_margin(stack, x, y, radius)
    for run in range(3):
        labels = (y[run] > 0).long()
        ball = LpBall(math.inf, radius)
        gap = bounds.crown(stack.network(run).as_classifier(), x[run], labels, ball)
        assert torch.allclose(mine[run], -gap.gather(1, 1 - labels[:, None])[:, 0])


def test_a_run_does_not_notice_its_neighbours_even_if_they_diverge():
    settings = {"width": 4, "epochs": 5, "batch": 8, "beta": 1e-3, "radius": RADIUS}
    alone = descent.descend(toy(), "gd_pgd", seeds=[1], rates=[0.05], **settings)[5]
    among = descent.descend(toy(), "gd_pgd", seeds=[0, 1], rates=[1e30, 0.05], **settings)[5]
    assert torch.allclose(alone.u[0], among.u[1], atol=1e-5)
    assert not torch.isfinite(among.u[0]).all()


@pytest.mark.parametrize("method", descent.METHODS)
def test_descent_lowers_what_it_minimises(method):
    pair = toy(60)
    settings = {"width": 8, "seeds": [0], "rates": [0.1], "batch": 16, "beta": 1e-4}
    found = descent.descend(pair, method, epochs=40, radius=RADIUS, watch=[1], **settings)
    early, late = (
        baselines.measured(method, found[e].network(0), pair, RADIUS, 1e-4)["objective"]
        for e in (1, 40)
    )
    assert late < 0.8 * early


def test_an_unknown_method_is_refused():
    with pytest.raises(InputError, match="gd_certified"):
        descent.margins("sgd", RADIUS)


@pytest.mark.parametrize("seed", range(5))
def test_costs_are_ordered_and_the_exact_one_lies_between(seed):
    generator = torch.Generator().manual_seed(seed)
    net, pair = TwoLayerReLU.initialise(5, 6, generator), toy(seed=seed)
    found = cost.costs(net, pair, 0.3, 1e-3)
    order = [found[f"{k}_cost"] for k in ("clean", "fgsm", "pgd", "certified")]
    assert order == sorted(order)
    assert order[0] < order[3]
    share = cost.exact_share(net, pair, 0.3, 6)
    some, label = torch.from_numpy(pair.X[:6]), torch.from_numpy((pair.y[:6] > 0).astype(int))
    _, worst = cost.moved(net, some, label, 0.3)
    with torch.no_grad():
        clean, attacked = (
            float((1 - torch.from_numpy(pair.y[:6]) * net(at)).clamp(min=0).mean())
            for at in (some, worst)
        )
    assert share["pgd_hinge"] == pytest.approx(attacked, rel=1e-12)
    assert share["pgd_hinge"] > clean + 1e-3
    assert share["undecided"] == 0
    assert share["pgd_hinge"] <= share["exact_low"] + 1e-9
    assert share["exact_low"] == share["exact_high"] <= share["certified_hinge"] + 1e-9


def test_an_attack_above_its_bound_is_told_and_not_levelled(monkeypatch):
    net, pair = TwoLayerReLU.initialise(5, 6, torch.Generator().manual_seed(0)), toy(seed=0)
    real = cost.bounds.crown
    monkeypatch.setattr(cost.bounds, "crown", lambda *given: real(*given) - 5.0)
    with pytest.raises(SolverError, match="one of them is wrong"):
        cost.costs(net, pair, 0.3, 1e-3)


def test_for_a_solution_of_15_every_cost_is_the_objective():
    pair = toy()
    ball = LpBall(math.inf, RADIUS)
    drawn = patterns.sample_robust(pair.X, ball, 3, np.random.default_rng(0), at_most=True)
    solved = convex.train_robust_hinge(pair.X, pair.y, drawn, ball, 1e-2)
    found = cost.costs(solved.network(), pair, RADIUS, 1e-2)
    assert found["pgd_cost"] == pytest.approx(solved.objective, abs=1e-6)
    assert found["certified_cost"] == pytest.approx(solved.objective, abs=1e-6)


def test_the_zero_network_is_always_wrong_and_costs_one():
    net, pair = TwoLayerReLU(torch.zeros(0, 5), torch.zeros(0)), toy()
    assert set(cifar.accuracies(net, pair, RADIUS).values()) == {0.0}
    assert set(cost.costs(net, pair, RADIUS, 1e-4).values()) == {1.0}


def test_pixels_up_to_255_are_a_smaller_beta():
    pair = toy()
    small = patterns.sample(pair.X, 4, np.random.default_rng(0))
    large = patterns.sample(255 * pair.X, 4, np.random.default_rng(0))
    one = convex.train_standard(pair.X, pair.y, small, 1e-2 / programs.SCALES["0..255"])
    two = convex.train_standard(255 * pair.X, pair.y, large, 1e-2)
    assert one.objective == pytest.approx(two.objective, rel=1e-6)


def test_settings_are_chosen_on_held_out_images():
    rows = [
        {"method": m, "rate": r, "epochs": 5, "validation_clean": c, "validation_pgd": p}
        for m in ("gd_std", "gd_pgd")
        for r, c, p in ((0.1, 0.9, 0.1), (0.2, 0.7, 0.6))
    ]
    best = baselines.chosen(rows, 32)
    assert {m: s.rate for m, s in best.items()} == {"gd_std": 0.1, "gd_pgd": 0.2}
    pair, held = toy(60), toy(30, seed=1)
    grid = baselines.grid_rows(pair, held, "gd_std", [0.1, 1e30], [1, 3], 16, 4, RADIUS, 1e-4)
    assert [(r["rate"], r["epochs"]) for r in grid] == [(0.1, 1), (0.1, 3)]


def test_a_row_of_the_table_is_mean_and_deviation_beside_the_papers():
    rows = [{"P_s": 36, "method": "algorithm_2", **dict.fromkeys(paper.COLUMNS, v)} for v in (1, 3)]
    row = a7_cifar.table_row(rows, 36, "algorithm_2")
    assert (row["runs"], row["objective"], row["objective_paper"]) == (2, 2.0, 0.6511)
    assert row["objective_deviation"] == pytest.approx(math.sqrt(2))
    own = [{"width": 72, "method": "gd_certified", **dict.fromkeys(paper.COLUMNS, 1.0)}]
    assert a7_cifar.table_row(own, 36, "gd_certified")["objective_paper"] is None


def test_a_run_at_the_printed_means_has_distance_zero():
    printed = {"method": "algorithm_2", **paper.printed(36, "algorithm_2")}
    assert programs.distance(printed, 36) == 0
    printed["objective"] += math.sqrt(3) * 6.903e-3
    assert programs.distance(printed, 36) == pytest.approx(1)


def test_the_record_at_a_small_size_and_its_pictures(monkeypatch, tmp_path):
    monkeypatch.setenv("ROBUSTCORE_RESULTS", str(tmp_path))
    monkeypatch.setattr(a7_cifar, "READINGS", (((1, 7), "block", "0..255"),))
    monkeypatch.setattr(a7_cifar, "sweep_sizes", lambda n, n_patterns: (12, 2))
    small = {"n": 16, "n_validation": 20, "counts": [3], "n_seeds": 1, "rates": [0.1]}
    small |= {"epochs": [2], "radii_255": [10]}
    descents = []

    def once(*arguments):
        descents.append(arguments[1:3])
        if len(descents) == 3:
            raise KeyboardInterrupt
        return baselines.baseline_rows(*arguments)

    monkeypatch.setattr(a7_cifar, "baseline_rows", once)
    with pytest.raises(KeyboardInterrupt):
        a7_cifar.record(**small)
    found = recorded("a7_cifar", **small)
    assert descents.count(descents[0]) == 1  # what was done is not made again
    assert descents.count(descents[2]) == 2
    assert not any((tmp_path / "sweeps").iterdir())  # what a record holds is not kept twice
    rows = found["a7_cifar.convex"]
    assert [r["method"] for r in rows].count("linear") == 1
    assert [r["agreement"] for r in rows if r["method"] == "linear"] == [1.0]
    for row in rows:
        assert row["pgd_accuracy"] <= row["fgsm_accuracy"]
        assert row["certified_cost"] >= row["pgd_cost"] - 1e-9
    assert {(*r["classes"], r["downsample"]) for r in found["a7_cifar.readings"]} == {
        (1, 7, "block")
    }
    for row in found["a7_cifar.sweep"]:
        assert row["kept"] <= row["patterns"] <= row["asked"]
        assert row["sampler"] == "algorithm_2" or row["kept"] == row["patterns"]
    assert isinstance(pictures.samplers(found["a7_cifar.sweep"]), style.Card)
    labelled = [{**r, "label": pictures.label(r["method"], str(i))} for i, r in enumerate(rows)]
    assert isinstance(pictures.robust_costs(labelled, {labelled[0]["label"]: 0.5}), style.Card)
