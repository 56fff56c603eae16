"""Paper B: bounds of the worst gap :math:`\\sup_{\\delta} z_k(x+\\delta) - z_y(x+\\delta)`.

Every function keeps one promise: `bounds = technique(net, x, y, ball)`, an (n, K) tensor whose
entry for the true class is 0. A sample is certified when every bound of its row is at most 0.
`outputs` bounds what the network says itself, as a regression asks for it.
"""

from .arub_error import arub_error
from .coap import coap
from .crown_slopes import crown_optimised
from .exact import exact
from .first_order import arub, baseline
from .outputs import outputs
from .propagation import crown, ibp
from .recursion import nominal_slopes
from .rounding import rounding
from .rub import check_l1, rub, rub_top
from .rub_wider import rub_any, rub_boxed, rub_optimised, rub_polytope
from .split import inf_sup, split, sup_inf
from .tightest import tightest

__all__ = [
    "arub",
    "arub_error",
    "baseline",
    "check_l1",
    "coap",
    "crown",
    "crown_optimised",
    "exact",
    "ibp",
    "inf_sup",
    "nominal_slopes",
    "outputs",
    "rounding",
    "rub",
    "rub_any",
    "rub_boxed",
    "rub_optimised",
    "rub_polytope",
    "rub_top",
    "split",
    "sup_inf",
    "tightest",
]
