import math

import numpy as np
import pytest
import torch
from torch import nn

from robustcore import defenses, training
from robustcore.balls import LpBall
from robustcore.errors import DivergenceError, InputError
from robustcore.losses import cross_entropy
from robustcore.networks import ReLUNetwork


def blobs(n=60):
    g = torch.Generator().manual_seed(5)
    y = torch.arange(n) % 3
    centres = torch.tensor([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])
    return centres[y] + 0.3 * torch.randn(n, 2, generator=g), y


def run(defense=None, seed=0, **options):
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((2, 16, 16, 3), g)
    settings = {"steps": 60, "batch_size": 20, "learning_rate": 1e-2, "progress": False} | options
    defense = defenses.nominal() if defense is None else defense
    record = training.fit(net, blobs(), defense, generator=g, **settings)
    return net, record


@pytest.mark.parametrize("defense", [defenses.nominal(), defenses.rub(LpBall(1, 0.5))], ids=repr)
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_the_loss_falls(defense, optimiser):
    rate = 1e-2 if optimiser == "adam" else 0.1
    _, record = run(defense, optimiser=optimiser, learning_rate=rate)
    assert record.steps == 60
    assert record.losses[-5:].mean() < 0.5 * record.losses[:5].mean()
    assert record.seconds > 0


def test_the_same_seed_gives_the_same_run():
    first, second, other = run(seed=1), run(seed=1), run(seed=2)
    np.testing.assert_array_equal(first[1].losses, second[1].losses)
    assert not np.array_equal(first[1].losses, other[1].losses)
    for p, q in zip(first[0].parameters(), second[0].parameters(), strict=True):
        assert torch.equal(p, q)


def test_one_step_of_each_optimiser_by_hand():
    x, y = blobs()
    for optimiser, step in [("sgd", lambda g: g), ("adam", lambda g: g / (g.abs() + 1e-7))]:
        net = ReLUNetwork((2, 4, 3), torch.Generator().manual_seed(0), dtype=torch.float64)
        loss = cross_entropy(net(x.double()), y).mean()
        (gradient,) = torch.autograd.grad(loss, net.layers[0].weight)
        expected = net.layers[0].weight.detach() - 0.05 * step(gradient)
        training.fit(
            net,
            (x.double(), y),
            defenses.nominal(),
            steps=1,
            batch_size=1000,  # the whole set
            learning_rate=0.05,
            generator=torch.Generator(),
            optimiser=optimiser,
            progress=False,
        )
        torch.testing.assert_close(net.layers[0].weight.detach(), expected, rtol=0, atol=1e-9)


def test_every_sample_is_seen_once_an_epoch():
    seen = []

    def watch(net, x, y):
        seen.append(x[:, 0].clone())
        return cross_entropy(net(x), y).mean()

    x, y = torch.arange(12.0)[:, None], torch.zeros(12, dtype=torch.long)
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork((1, 4, 2), g)
    training.fit(
        net, (x, y), watch, steps=6, batch_size=4, learning_rate=1e-3, generator=g, progress=False
    )
    for epoch in (seen[:3], seen[3:]):
        assert sorted(torch.cat(epoch).tolist()) == list(range(12))
    assert not torch.equal(torch.cat(seen[:3]), torch.cat(seen[3:]))


def test_observations():
    _, record = run(steps=25, observe=lambda net: net.layers[0].bias[0].item(), observe_every=10)
    assert [step for step, _ in record.observations] == [0, 10, 20, 25]
    assert record.observations[0][1] == pytest.approx(0.1)
    assert len({value for _, value in record.observations}) == 4


def test_a_loss_that_explodes_stops_at_its_step():
    def explode(net, x, y):
        explode.calls += 1
        return cross_entropy(net(x), y).mean() * (math.nan if explode.calls == 3 else 1.0)

    explode.calls = 0
    with pytest.raises(DivergenceError, match="is nan at step 3 of 60; lower the learning rate"):
        run(explode)


def test_a_custom_optimiser():
    _, record = run(optimiser=lambda parameters: torch.optim.SGD(parameters, lr=0.0))
    net = ReLUNetwork((2, 16, 16, 3), torch.Generator().manual_seed(0))
    trained, _ = run(optimiser=lambda parameters: torch.optim.SGD(parameters, lr=0.0))
    assert record.steps == 60
    assert all(
        torch.equal(p, q) for p, q in zip(net.parameters(), trained.parameters(), strict=True)
    )


def test_refusals():
    with pytest.raises(InputError, match="'adam', 'sgd' or a callable, got 'rmsprop'"):
        run(optimiser="rmsprop")
    with pytest.raises(InputError, match="must be at least 1, got 0"):
        run(steps=0)
    with pytest.raises(InputError, match="learning rate must be positive"):
        run(learning_rate=0.0)
    net, g = nn.Linear(2, 3), torch.Generator()
    sizes = {"steps": 1, "batch_size": 1, "learning_rate": 0.1, "generator": g}
    x, y = blobs()
    with pytest.raises(InputError, match="no rows"):
        training.fit(net, (x[:0], y[:0]), defenses.nominal(), **sizes)
    with pytest.raises(InputError, match=r"y must have shape \(60,\)"):
        training.fit(net, (x, y[:-1]), defenses.nominal(), **sizes)


def test_the_bar_is_shown_only_if_wanted(capsys):
    run(steps=3, progress=True)
    shown = capsys.readouterr().err
    run(steps=3, progress=False)
    assert "nominal()" in shown
    assert capsys.readouterr().err == ""


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_on_a_gpu_follows_the_inputs():
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork((2, 16, 16, 3), g).cuda()
    x, y = blobs()
    record = training.fit(
        net,
        (x.cuda(), y.cuda()),
        defenses.rub(LpBall(1, 0.5)),
        steps=60,
        batch_size=20,
        learning_rate=1e-2,
        generator=g,
        progress=False,
    )
    _, here = run(defenses.rub(LpBall(1, 0.5)))
    np.testing.assert_allclose(record.losses, here.losses, rtol=1e-2)
