"""A network on which an attack with more room is weaker, and the row of the majority class."""

from __future__ import annotations

import math

import numpy as np
import torch

from robustcore import LpBall, attacks
from robustcore.plots import style

from ..by_hand import bump, withstands
from .look import LABELS, LOOKS

_START = 0.1
_WALKS = (0.1, 1.0, 5.0)


def schematic() -> style.Card:
    """The bump by hand with FGM's steps from one point; accuracy of attacks over the radius.

    On the right, the inputs of class 1 are 60 points on the bump's left flank, those of class 2
    are 40 on top, so that all are right at radius 0.

    Source: own (on [B] Section 6.1, Attacks)
    """
    net = bump()
    line = torch.linspace(-0.6, 5.6, 125, dtype=torch.float64)[:, None]
    out = net(line)
    radii = np.linspace(0, 4, 41)
    flank, top = np.linspace(0.02, 0.45, 60), np.linspace(0.6, 1.4, 40)
    points = np.concatenate([flank, top])
    says = [accuracies(points, radius) for radius in radii]
    with style.figure(1, 2, width=7.2, height=3.0) as (fig, (left, right)):
        left.axhline(0, color=style.GREY, lw=0.8)
        left.plot(line[:, 0], out[:, 1] - out[:, 0], color=style.BLACK)
        for height, radius in zip((-0.3, -0.55, -0.8), _WALKS, strict=True):
            holds = withstands(net, _START, radius)
            colour = style.BLUE if holds else style.VERMILLION
            left.annotate("", (_START + radius, height), (_START, height),
                          arrowprops={"arrowstyle": "->", "color": colour, "lw": 1.6})  # fmt: skip
            word = f"{radius:g}: " + ("withstood" if holds else "class 2")
            style.tag(left, word, (_START + radius, height), (3, 3), color=colour,
                      ha="right" if radius > 4 else "left")  # fmt: skip
        start = net(line.new_tensor([[_START]]))[0]
        left.plot(_START, float(start[1] - start[0]), "o", color=style.BLACK)
        left.set(xlabel="the only input", ylabel="gap $g(x)$; above 0: class 2", ylim=(-1.1, 1.15))
        left.set_title("FGM from x = .1, three radii")
        right.plot(radii, [100 * fgm for fgm, _ in says], "--", color=style.VERMILLION, label="FGM")
        right.plot(radii, [100 * worst for _, worst in says], color=style.BLACK,
                   label="exact attack")  # fmt: skip
        right.axhline(100 * len(flank) / len(points), label=LABELS["majority"], **LOOKS["majority"])
        right.set(xlabel="radius", ylabel="right answers (%)", ylim=(-3, 103), xlim=(0, 4))
        right.set_title("More room, a weaker attack")
        right.legend(loc="upper right")
    return fig


def accuracies(points: np.ndarray, radius: float) -> tuple[float, float]:
    """Shares of right answers under FGM and under the exact attack, at an end or a kink.

    Source: own
    """
    net, x = bump(), torch.as_tensor(points)[:, None]
    y = net(x).argmax(dim=1)
    fgm = attacks.as_published(net, x, y, LpBall(math.inf, radius), "fgm")
    # a piecewise linear gap is largest and smallest at the ends or at a kink
    ends = (x - radius, x + radius)
    tried = [*ends, *(torch.full_like(x, k).clamp(*ends) for k in (0.0, 1.0, 2.0))]
    found, *right = ((net(t).argmax(dim=1) == y).double() for t in (fgm, *tried))
    return float(found.mean()), float(torch.stack(right).amin(dim=0).mean())
