"""What the rows of the tighter-bounds page say, in few lines: tables and the numbers judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from robustcore.methods import METHODS

_LABELS = {name: method.label for name, method in METHODS.items()} | {
    "rub_polytope": "RUB on vertices",
    "tightest": "least of RUB, CROWN, intervals",
}


def by_set(rows: Sequence[dict]) -> list[dict[str, object]]:
    """The campaign, one line for each set: what was compared, and the worst over its bounds.

    Source: own

    Parameters
    ----------
    rows : list of dict
        As `c2_tighter_bounds.soundness.campaign` returns them.
    """
    found = []
    for name in dict.fromkeys(r["set"] for r in rows):
        here = [r for r in rows if r["set"] == name]
        exact = [r["above_exact"] for r in here if r["above_exact"] is not None]
        found.append(
            {
                "set": name,
                "bounds": len(here),
                "triples": here[0]["triples"],
                "points": here[0]["points"],
                "above exact": max(exact) if exact else None,
                "above attack": max(r["above_attack"] for r in here),
            }
        )
    return found


def side_by_side(
    tight: Sequence[dict], cost: Sequence[dict], p: str = "1"
) -> list[dict[str, object]]:
    """Tightness of each method, the mean rise and the largest by training, beside its cost.

    Source: own

    Parameters
    ----------
    tight, cost : list of dict
        As `c2_tighter_bounds.tightness` and `cost` return them. All data and radii are pooled.
    p : str
        "1", "2" or "inf".
    """
    forwards = {r["method"]: r["forwards"] for r in cost}
    here = [r for r in tight if r["p"] == p]
    found = []
    for method in dict.fromkeys(r["method"] for r in here):
        row: dict[str, object] = {"bound": _LABELS[method]}
        for training in dict.fromkeys(r["training"] for r in here):
            rows = [r for r in here if (r["method"], r["training"]) == (method, training)]
            row[training] = f"{_mean(rows):.3f} ({max(r['rise_max'] for r in rows):.2f})"
        row["cost"] = f"{forwards[method]:,.0f}" if method in forwards else "-"
        found.append(row)
    return found


def _mean(rows: Sequence[dict]) -> float:
    """The mean over all gaps of several rows."""
    return sum(r["rise"] * r["gaps"] for r in rows) / sum(r["gaps"] for r in rows)


def measures(found: Mapping[str, Sequence[dict]]) -> dict[str, float]:
    """The numbers that the page judges.

    Source: own

    Parameters
    ----------
    found : mapping
        "soundness", "float32", "tightness", "radii", "tabular" to their rows.
    """
    sound, tight = found["soundness"], found["tightness"]
    sets = by_set(sound)
    best_t = [r for r in tight if r["method"] == "rub_optimised"]
    networks = {(r["data"], r["training"]) for r in best_t}
    return {
        "triples": sets[0]["triples"],  # type: ignore[dict-item]
        "attacked points": sum(r["points"] for r in sets),  # type: ignore[misc]
        "largest exact above a bound": max(
            r["above_exact"] for r in sound if r["above_exact"] is not None
        ),
        "largest attack above a bound": max(r["above_attack"] for r in sound),
        "false certificates, float32 networks": sum(r["wrong"] for r in found["float32"]),
        "RUB at its best t, mean rise, worst network": max(
            _mean([r for r in best_t if (r["data"], r["training"]) == key]) for key in networks
        ),
        "least of three over min(RUB, CROWN), at most": max(
            r["over_parts"] for r in tight if r["over_parts"] is not None
        ),
        "radii where the least of three is behind": sum(
            r["behind"] for r in found["radii"] if r["method"] == "best"
        ),
        "exact above the bound on a polytope, at most": max(r["below"] for r in found["tabular"]),
    }


def verdict_table(
    recorded: Mapping[str, float], here: Mapping[str, float], wanted: Mapping[str, float]
) -> list[dict[str, object]]:
    """Each judged number: what is wanted, what was recorded, this run.

    Source: own
    """
    return [
        {"measure": name, "wanted": bound, "recorded": recorded[name], "this run": here[name]}
        for name, bound in wanted.items()
    ]
