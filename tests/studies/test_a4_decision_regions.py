"""Figure 6: the exact judge against a mixed-integer program, and the cells."""

import math

import numpy as np
import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.networks import TwoLayerReLU
from robustcore.plots import style
from studies import a4_decision_regions as study
from studies import planar_boxes
from studies.a4_decision_regions import pictures
from studies.oracles import planar_exact


@pytest.mark.parametrize("seed", range(8))
def test_the_judge_agrees_with_the_mixed_integer_program(seed):
    generator = torch.Generator().manual_seed(seed)
    net = TwoLayerReLU.initialise(2, 9, generator, bias=True)
    with torch.no_grad():
        net.b += 0.4 * torch.randn(9, generator=generator, dtype=torch.float64)
    points, ball = planar_boxes.planar(seed, n=8), LpBall(math.inf, 0.4)
    y = torch.from_numpy((points.y > 0).astype(int))
    gap = bounds.exact(net.as_classifier(), torch.from_numpy(points.X), y, ball, attained=True)
    worst = -gap.gather(1, (1 - y)[:, None])[:, 0].numpy()
    found = planar_exact.worst_margins(net, points.X, points.y, ball)
    assert found == pytest.approx(worst, abs=1e-6)


def test_the_judge_finds_a_minimum_inside_the_box_that_no_corner_has():
    net = study.network([[1.0, 0.3], [-1.0, -0.3]], [0.0, 0.0], [1.0, 1.0])
    origin, ball = np.zeros((1, 2)), LpBall(math.inf, 1.0)
    (found,) = planar_exact.worst_margins(net, origin, np.ones(1), ball)
    assert found == pytest.approx(0, abs=1e-12)
    with torch.no_grad():
        assert float(net(torch.from_numpy(ball.vertices(2))).min()) > 0.5


def test_the_judge_refuses_what_it_cannot_list():
    net = TwoLayerReLU.initialise(3, 2, torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match=r"3 inputs; use bounds\.exact"):
        planar_exact.worst_margins(net, np.zeros((1, 3)), np.ones(1), LpBall(math.inf, 0.1))


def test_attacked_steps_stay_in_the_box_and_do_not_raise_a_margin_of_a_linear_network():
    points = planar_boxes.planar(0, n=6)
    x, y = torch.from_numpy(points.X)[None], torch.from_numpy(points.y)
    u = torch.tensor([[[1.0, 0.5]]], dtype=torch.float64)
    b, alpha = torch.full((1, 1), 9.0, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    moved = study._attack(x, y, u, b, alpha, 0.08)
    assert float((moved - x).abs().max()) == pytest.approx(0.08)
    fall = (y * ((x - moved) @ u[0].T)[..., 0]).squeeze()
    assert fall.numpy() == pytest.approx(np.full(6, 0.08 * 1.5))


def test_descent_lowers_the_cost_and_gives_one_network_for_each_beta():
    points, betas = planar_boxes.planar(3, n=10), (1e-2, 1e-3)
    for attacked in (False, True):
        few, many = (study.descend(points, betas, attacked, 8, n, seed=0) for n in (1, 150))
        ball = points.ball if attacked else points.ball.with_radius(0.0)
        for before, after, beta in zip(few, many, betas, strict=True):
            cost = [
                planar_exact.robust_cost(
                    net, planar_exact.worst_margins(net, points.X, points.y, ball), beta
                )
                for net in (before, after)
            ]
            assert cost[1] < 0.8 * cost[0]


def test_the_cells_and_their_picture():
    points = planar_boxes.planar(3, n=6)
    found = {
        ("Algorithm 1", 1e-2): study.network([[0.0, 1.0], [0, -1]], [0, 0], [1.0, -1.0]),
        ("GD-std", 1e-2): study.network([[0.0, 1.0], [0, -1]], [0, 0], [-1.0, 1.0]),
    }
    worst = study.margins(found, points)
    rows = study.cell_rows(found, points, worst)
    assert [row["boxes"] for row in rows] == [int((m > 0).sum()) for m in worst.values()]
    assert rows[0]["points"] + rows[1]["points"] == 6
    assert rows[0]["differs"] == 0
    assert rows[1]["differs"] > 0.9
    assert rows[0]["robust_cost"] >= rows[0]["cost"]
    sets = [{**row, "data_seed": seed} for seed in (4, 5) for row in rows]
    assert study.boxes_by_set(sets, "GD-std") == {key: [rows[1]["boxes"]] for key in (4, 5)}
    fig = pictures.region_grid(found, rows, points.X, points.y, 0.08, worst)
    assert len(fig.axes) == 2
    assert fig.axes[0].get_title(loc="left") == "Algorithm 1"
    assert style.png(fig)[:4] == b"\x89PNG"
