"""No certificate is false, of whatever kind the network is; what cannot be read is refused."""

import itertools

import pytest
import torch

from contract import resumed
from robustcore import methods
from studies import c2_fuzz

ACCEPTED = list(c2_fuzz.KINDS)[: list(c2_fuzz.KINDS).index("dropout in training")]


@pytest.mark.filterwarnings("ignore")
def test_no_certified_sample_is_misclassified():
    rows = c2_fuzz.fuzz(networks=1, seed=5)
    asked = {(row["kind"], row["set"]) for row in rows}
    assert asked == set(itertools.product(c2_fuzz.KINDS, c2_fuzz.SETS))
    for row in rows:
        assert row["wrong"] == 0
        assert row["refused"] == int(row["kind"] not in ACCEPTED)
        assert bool(row["sentences"]) == bool(row["refused"])
        assert "\n" not in row["sentences"]
    for name in c2_fuzz.SETS:
        assert sum(row["certified"] for row in rows if row["set"] == name) > 100


def test_every_network_is_another_and_every_method_is_asked(monkeypatch):
    seen, asked = [], set()

    def look(net, kind, name, names, *rest):
        first = next(p for p in net.parameters() if p.ndim == 2)
        seen.append(tuple(first.detach().flatten().tolist()))
        asked.update(names)

    monkeypatch.setattr(c2_fuzz, "_one", look)
    c2_fuzz.fuzz(networks=6, kinds=9)
    assert len(set(seen)) == len(seen) == 9 * (2 * 6 + (len(c2_fuzz.SETS) - 2) * 2)
    sound = {m.name for m in methods.METHODS.values() if m.bound and m.sound}
    assert asked == sound - {"tightest"}  # which is "best" by its other name


def test_the_search_finds_a_wrong_certificate(monkeypatch):
    """The certificate of everything is refuted, or the search sees nothing."""
    everything = lambda net, x, *rest: torch.ones(len(x), dtype=torch.bool)  # noqa: E731
    monkeypatch.setattr(c2_fuzz.evaluation, "certified", everything)
    assert all(row["wrong"] > 0 for row in c2_fuzz.fuzz(networks=3, kinds=2))


def test_a_killed_run_goes_on(monkeypatch, tmp_path):
    dense, double, *_ = c2_fuzz.KINDS.items()
    monkeypatch.setattr(c2_fuzz, "KINDS", dict([dense, double]))
    monkeypatch.setattr(c2_fuzz, "METHODS", ("rub", "crown"))
    found = resumed("c2_fuzz", "of_a_kind", tmp_path, monkeypatch, networks=2, seed=1)
    assert found == {"c2_fuzz.networks": c2_fuzz.fuzz(2, 1)}
    assert list(found["c2_fuzz.networks"][0])[:3] == ["kind", "set", "networks"]
