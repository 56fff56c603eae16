"""The radii of Tables 3 to 5 and 7 to 9 as printed, without the 0."""

from __future__ import annotations

_GREY: dict[str, tuple[float, ...]] = {
    "L1": (0.01, 0.06, 0.28, 2.8, 8.4, 14.0, 28.0, 140.0),
    "L2": (0.01, 0.06, 0.28, 2.8, 8.4, 14.0, 28.0, 56.0),
    "Linf": (0.001, 0.003, 0.01, 0.1, 0.3, 0.5, 1.0, 5.0),
}
_COLOUR = {
    "L1": (0.01, 0.03, 0.06, 0.11, 0.55, 5.54, 16.63, 27.71, 55.43),
    "L2": (0.01, 0.03, 0.06, 0.08, 0.11, 0.17, 0.55, 5.54),
    "Linf": (0.001, 0.003, 0.01, 0.1, 0.3, 0.5, 1.0, 5.0),
}
_CERTIFIED = {
    True: (0.06, 0.28, 2.8, 8.4, 14.0, 28.0),
    False: (0.06, 0.55, 5.54, 16.63, 27.71, 55.43),
}


def radii(data: str) -> dict[str, tuple[float, ...]]:
    """Radii under attack, by norm.

    Source: [B] Tables 3, 4, 5 (55.43 in L1 is Table 9's)
    """
    return _COLOUR if data.startswith("cifar") else _GREY


def certified_radii(data: str) -> tuple[float, ...]:
    """L1 radii of the certificates, rising.

    Source: [B] Tables 7, 8, 9
    """
    return _CERTIFIED[not data.startswith("cifar")]
