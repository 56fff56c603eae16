r"""The attacks that [B] evaluated with: the defaults of foolbox 3.3.4, written out.

They differ from `fgm` and `pgd` in three ways. The step is the gradient divided by its own p-norm,
which for p = 1 moves every coordinate at once and is not a steepest step. A point that leaves the
ball is scaled back, not projected. The last point of one path is the answer, whether or not an
earlier one was worse for the network.

Shape letters: n samples, d inputs after flattening.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..balls import LpBall, as_ball
from ..doors import Logits, answer, classes, read_batch
from ..errors import InputError, check_count, missing_extra
from ..losses import cross_entropy
from .batch import AttackedBatch, check_generator, evaluating

_DEFAULTS = {  # (method, p) -> steps, length of a step over the radius
    ("fgm", 1): (1, 1.0),
    ("fgm", 2): (1, 1.0),
    ("fgm", math.inf): (1, 1.0),
    ("pgd", 1): (50, 0.025),
    ("pgd", 2): (50, 0.025),
    ("pgd", math.inf): (40, 0.01 / 0.3),
}
_SMALLEST_NORM = 1e-12  # foolbox divides by no less


def as_published(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall,
    method: str = "pgd",
    steps: int | None = None,
    random_start: bool | None = None,
    generator: torch.Generator | None = None,
    rescale: bool = True,
) -> torch.Tensor:
    r"""FGM-Lp and PGD-Lp as [B] ran them: foolbox's defaults, one path, its last point.

    .. math:: x_{t+1} = \mathrm{clip}\bigl(x + R_\rho(x_t - x + \eta\, g_t/\|g_t\|_p)\bigr),\qquad
              R_\rho(\delta) = \min\bigl(1, \rho/\|\delta\|_p\bigr)\,\delta,\qquad
              g_t = \nabla_x L(y, z(x_t))

    For p = inf the step is :math:`\eta\,\mathrm{sgn}(g_t)` and R clips each coordinate. FGM is one
    step with eta = rho from x. PGD is 50 steps of 0.025 rho for p = 1 and 2 and 40 of rho / 30 for
    p = inf, from a uniform point of the ball.

    Source: [B] Section 6.1 (FGM-Lp, PGD-Lp), by foolbox 3.3.4

    Parameters
    ----------
    net : module (n, ...) -> (n, K)
    x : (n, ...) tensor
        Inside the box of the ball, if it has one.
    y : (n,) class labels
    ball : LpBall
        p must be 1, 2 or inf.
    method : "fgm" or "pgd"
    steps : int, optional
        Instead of foolbox's number.
    random_start : bool, optional
        Default: True for pgd, False for fgm.
    generator : torch.Generator, optional
        Needed for a random start. Seeded like torch itself it gives foolbox's start.
    rescale : bool
        False projects onto the ball cut with the box instead of scaling and clipping: what a
        true projection alone would change.

    Returns
    -------
    (n, ...) tensor
        The last point of the path, inside the ball and the box. The loss there is a lower bound of
        the adversarial loss, for p = 1 a weak one.

    Raises
    ------
    InputError
        For another p or method, fewer steps than 1, or a random start without generator.

    Notes
    -----
    The loss is the cross-entropy. Equal to foolbox's own answer up to the rounding that keeps the
    point inside; `by_foolbox` runs foolbox itself.
    """
    count, size = _defaults(method, ball)
    count = count if steps is None else steps
    check_count("steps", count)
    if random_start is None:
        random_start = method == "pgd"
    if random_start:
        check_generator(generator)
    attacked = AttackedBatch(net, x, y, ball, cross_entropy)
    low, high = (-math.inf, math.inf) if ball.box is None else ball.box
    here = attacked.x
    if random_start:
        here = (here + _start(here, ball, generator)).clamp(low, high)
    with evaluating(net):
        for _ in range(count):
            _, gradient = attacked.loss_and_gradient(here - attacked.x)
            stepped = here + size * ball.radius * _normalised(gradient, ball.p)
            if rescale:
                here = attacked.x + _scaled_back(stepped - attacked.x, ball)
                here = here.clamp(low, high)
            else:
                here = attacked.x + attacked.project(stepped - attacked.x)
    return attacked.settle(here - attacked.x)


def by_foolbox(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall,
    method: str = "pgd",
    random_start: bool | None = None,
    seed: int = 0,
) -> torch.Tensor:
    """The same attacks by foolbox itself, with its defaults.

    Source: [B] Section 6.1; foolbox 3.3.4 (Rauber, Brendel, Bethge 2017)

    Parameters
    ----------
    net, x, y, ball, method, random_start
        As for :func:`robustcore.attacks.as_published`.
    seed : int
        foolbox draws from torch's global generator. It is seeded with this number for the call and
        put back afterwards.

    Returns
    -------
    (n, ...) tensor
        As foolbox returns it: outside the ball by rounding, at times.

    Raises
    ------
    MissingExtraError
        If foolbox is not installed.
    InputError
        For another p or method.
    """
    _defaults(method, ball)
    x, y = read_batch(net, x, y)
    try:
        import foolbox
    except ModuleNotFoundError as error:
        raise missing_extra("by_foolbox needs foolbox", "attacks", "use as_published") from error
    name = "Linf" if math.isinf(ball.p) else f"L{ball.p:g}"
    kinds: dict[str, Any] = {"fgm": "FastGradientAttack", "pgd": "ProjectedGradientDescentAttack"}
    options = {} if random_start is None else {"random_start": random_start}
    attack = getattr(foolbox.attacks, name + kinds[method])(**options)
    box = (-math.inf, math.inf) if ball.box is None else ball.box
    devices = [x.device] if x.is_cuda else []
    with evaluating(net), torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        _, y = classes(answer(net, x), y)
        model = foolbox.PyTorchModel(Logits(net).eval(), bounds=box, device=x.device)
        labels = foolbox.criteria.Misclassification(y)
        found: torch.Tensor = attack.run(model, x.detach(), labels, epsilon=ball.radius)
    return found.detach()


def _defaults(method: str, ball: LpBall) -> tuple[int, float]:
    ball = as_ball(ball, "as_published")
    if method not in ("fgm", "pgd"):
        raise InputError(f"method must be 'fgm' or 'pgd', got {method!r}.")
    if (method, ball.p) not in _DEFAULTS:
        raise InputError(f"the published attacks know p = 1, 2 and inf, got {ball.p:g}; use pgd.")
    return _DEFAULTS[method, ball.p]


def _normalised(gradient: torch.Tensor, p: float) -> torch.Tensor:
    """The dense direction g / |g|_p, or the signs: steepest for p = 2 and inf only."""
    if math.isinf(p):
        return gradient.sign()
    norm = torch.linalg.vector_norm(gradient, p, dim=-1, keepdim=True)
    return gradient * (1 / norm.clamp(min=_SMALLEST_NORM))


def _scaled_back(delta: torch.Tensor, ball: LpBall) -> torch.Tensor:
    """To the border of the ball along the ray to its centre: nearest for p = 2 and inf only."""
    if math.isinf(ball.p):
        return delta.clamp(-ball.radius, ball.radius)
    norm = torch.linalg.vector_norm(delta, ball.p, dim=-1, keepdim=True)
    return delta * (ball.radius / norm.clamp(min=_SMALLEST_NORM)).clamp(max=1)


def _start(x: torch.Tensor, ball: LpBall, generator: torch.Generator | None) -> torch.Tensor:
    """A uniform point of the ball from foolbox's own draws, in foolbox's order."""
    n, d = x.shape
    kind: Any = {"generator": generator, "dtype": x.dtype, "device": x.device}
    draws: dict[float, Callable[[], torch.Tensor]] = {
        1: lambda: _simplex(torch.rand(n, d, **kind)) * (2 * torch.rand(n, d, **kind) - 1).sign(),
        2: lambda: torch.nn.functional.normalize(torch.randn(n, d + 2, **kind))[:, :d],
        math.inf: lambda: 2 * torch.rand(n, d, **kind) - 1,
    }
    return ball.radius * draws[ball.p]()


def _simplex(uniform: torch.Tensor) -> torch.Tensor:
    """Spacings of sorted uniform numbers: a uniform point with entries >= 0 of sum <= 1."""
    return uniform.sort(dim=-1).values.diff(dim=-1, prepend=torch.zeros_like(uniform[:, :1]))
