"""Studies x contract: every study found under studies/, against what each must hold.

A new study is a row by itself. What its rows say is tested in a file of its own, and asked there by
`contract.recorded`, which holds them to the same; here are those that take less than a second.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
import yaml

from contract import CHECKOUT, STUDIES, fresh, recorded, stored
from robustcore.errors import InputError
from studies import parameters
from studies.__main__ import parameters as chosen
from studies.__main__ import study

OLD = {"c1_certified_solver": "c1_", "threat_model": "00_threat_model"}  # names of records
PROFILES = ["quick", *(p.stem for p in (CHECKOUT / "notebooks/profiles").glob("*.yml"))]
QUICK: dict[str, dict[str, Any]] = {
    "a2_law": {"n_instances": 1},
    "a3_more_sets": {"n_sets": 3},
    "a7_printed_pgd": {"n_networks": 3, "n": 8, "d": 20, "width": 30},
    "b3_conjugates": {"n_trials": 60, "n_instances": 20},
    "b_printed": {},
    "b_published": {"names": ("iris",), "epsilons": (0.01,), "n": 1},
    "threat_model": {"d": 4, "n_vectors": 12, "n_samples": 500, "n_directions": 50},
}
every_study = pytest.mark.parametrize("name", STUDIES)
every_function = pytest.mark.parametrize(
    ("name", "function"), [(name, f) for name, functions in STUDIES.items() for f in functions]
)


def usual(name: str, function: str) -> dict[str, Any]:
    """Each parameter with its usual value: there is none without."""
    signature = inspect.signature(study(name, function)).parameters
    assert [key for key, p in signature.items() if p.default is p.empty] == []
    return {key: p.default for key, p in signature.items()}


@every_function
def test_every_parameter_can_be_given_on_a_command_line(name: str, function: str) -> None:
    for key, value in usual(name, function).items():
        plain = json.loads(json.dumps(value))
        text = yaml.safe_dump(plain, default_flow_style=True).removesuffix("...\n")
        assert json.loads(json.dumps(parameters.read(key, text, value))) == plain, key


@every_function
def test_what_it_does_not_take_is_one_sentence(name: str, function: str) -> None:
    with pytest.raises(InputError, match=r"has no parameter \['nothing'\]; it has") as refused:
        chosen(name, "quick", {"nothing": 1}, function)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("profile", sorted({*PROFILES} - {"smoke"}))  # that of pages alone
@every_function
def test_a_profile_gives_what_it_takes(name: str, function: str, profile: str) -> None:
    defaults = usual(name, function)
    for key, value in chosen(name, profile, {}, function).items():
        assert parameters.fit(key, value, defaults[key]) is not None or value is None


@every_study
def test_its_records_have_its_name_and_its_parameters(name: str) -> None:
    known = {key for function in STUDIES[name] for key in usual(name, function)}
    for id, record in stored(name).items():
        assert id.startswith(OLD.get(name, name))
        assert not fresh(record) or set(record.parameters) <= known
        assert record.provenance["dirty"] is False, "made from uncommitted code; make it again"


def test_every_record_is_of_a_study() -> None:
    found = [id for name in STUDIES for id in stored(name)]
    assert sorted(found) == sorted(path.stem for path in (CHECKOUT / "results").glob("*.json"))


@pytest.mark.parametrize("name", QUICK)
def test_its_rows_are_those_of_its_records_and_come_again(name: str) -> None:
    found = recorded(name, **QUICK[name])
    assert set(found) == set(stored(name))
    assert study(name)(**QUICK[name]) == found
