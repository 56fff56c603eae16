"""What the figures of the threat model show: balls in the plane, and attacked images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from robustcore import attacks
from robustcore.balls import LpBall
from robustcore.datasets import Dataset, Part

from . import INF, nearest_mean

# -- in the plane ------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlanarBall:
    """One ball of the plane: outline, where a direction is attained, where points project to.

    Source: own
    """

    ball: LpBall
    outline: np.ndarray  # (r, 2)
    maximiser: np.ndarray  # (2,)
    support: float
    projections: np.ndarray  # (k, 2)


def planar_balls(
    c: Sequence[float], points: Sequence[Sequence[float]], radius: float = 1.0
) -> list[PlanarBall]:
    """The L1, L2 and Linf balls of one radius, a direction c, and points to be projected.

    Source: [A] eq. (3); [B] eq. (23)
    """
    angle = np.linspace(0, 2 * np.pi, 361)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    direction, outside = np.asarray(c, float), np.asarray(points, float)
    found = []
    for p in (1.0, 2.0, INF):
        ball = LpBall(p, radius)
        outline = around * (radius / ball.norm(around))[:, None]
        attained, value = ball.maximiser(direction), float(ball.support(direction))
        found.append(PlanarBall(ball, outline, attained, value, ball.project(outside)))
    return found


@dataclass(frozen=True)
class BoxedBall:
    """A ball around an input near the edge of the box, and points projected onto both.

    Source: own
    """

    ball: LpBall
    x: np.ndarray  # (2,)
    outline: np.ndarray  # (r, 2), of the ball around x
    points: np.ndarray  # (k, 2)
    projections: np.ndarray  # (k, 2), in the ball and in the box


def boxed_ball(x: Sequence[float], points: Sequence[Sequence[float]], ball: LpBall) -> BoxedBall:
    """Project onto a ball cut with its box, around the input x.

    Source: [A] eq. (3)
    """
    center, outside = np.asarray(x, float), np.asarray(points, float)
    angle = np.linspace(0, 2 * np.pi, 361)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    outline = center + around * (ball.radius / ball.norm(around))[:, None]
    centers = np.broadcast_to(center, outside.shape).copy()
    return BoxedBall(
        ball, center, outline, outside, center + ball.project(outside - center, centers)
    )


# -- images --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AttackedImage:
    """One image and what an attack made of it.

    Source: own
    """

    title: str
    image: np.ndarray  # (channels, height, width), 0..1
    change: np.ndarray  # same shape
    label: str  # class that the classifier gives
    norms: dict[str, float]  # of the change: "1", "2", "inf"


def attacked_images(data: Dataset, balls: Sequence[LpBall]) -> list[AttackedImage]:
    """One test image of a set, clean and attacked in each ball, pixels kept in the box.

    Source: [A] eq. (3); [B] Section 6.1

    Parameters
    ----------
    data : Dataset
        Images.
    balls : LpBalls
        With the box of the data.

    Returns
    -------
    list of AttackedImage
        The clean image first. The classifier is the nearest mean of the training part; the image
        is the first of the test part that it gets right and the attack in the first ball turns,
        or the first at all if there is none.
    """
    net = nearest_mean(data.train, data.n_classes)
    row = _first_turned(net, data.test, balls[0])
    x = torch.as_tensor(data.test.x[row : row + 1], dtype=torch.float64)
    y = torch.as_tensor(data.test.y[row : row + 1])
    seen = [("clean", x)]
    seen += [(ball_title(ball), attacks.pgd(net, x, y, ball)) for ball in balls]
    found = []
    for title, moved in seen:
        change = (moved - x).numpy()[0]
        norms = {str(p): float(LpBall(p, 1.0).norm(change)) for p in (1, 2, INF)}
        label = data.class_names[int(net(moved).argmax())]
        image = moved.numpy()[0].reshape(data.image_shape)
        found.append(AttackedImage(title, image, change.reshape(data.image_shape), label, norms))
    return found


def _first_turned(net: torch.nn.Module, part: Part, ball: LpBall) -> int:
    x, y = torch.as_tensor(part.x[:200], dtype=torch.float64), torch.as_tensor(part.y[:200])
    with torch.no_grad():
        right = net(x).argmax(dim=1) == y
        turned = net(attacks.pgd(net, x, y, ball)).argmax(dim=1) != y
    return int((right & turned).int().argmax())


def ball_title(ball: LpBall) -> str:
    """A ball as a figure names it.

    Source: own
    """
    name = "∞" if math.isinf(ball.p) else f"{ball.p:g}"
    return f"L{name}, ρ = {ball.radius:.3g}"
