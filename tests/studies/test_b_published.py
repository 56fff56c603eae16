"""The readings of the published matrices: each count by hand on a small case."""

from __future__ import annotations

import numpy as np

from studies import b_published as study


def test_the_nearest_training_value_tells_the_class() -> None:
    column, y = np.array([3.0, 1.0, 2.0]), np.array([30, 10, 20])
    assert study.told(column, y, np.array([0.0, 1.4, 1.6, 9.0])).tolist() == [10, 10, 20, 30]


def test_the_last_published_column_tells_the_class_and_no_other_does() -> None:
    rows = study.record(names=("iris", "haberman-survival", "cnae-9"), epsilons=(), n=1)
    iris, haberman, cnae = rows["b_published.tables"]
    assert iris["last_column"] == haberman["last_column"] == 1
    assert haberman["best_other_column"] < 0.8
    assert iris["features"] == 5
    assert (cnae["infinite_test_rows"], cnae["n_test"]) == (49, 216)


def test_the_sum_of_exponentials_overflows_as_written_only() -> None:
    small, large = study.overflow(0.01, 5, 0), study.overflow(30.0, 5, 0)
    assert (small["infinite"], large["infinite"]) == (0, 1)
    assert small["infinite_if_stable"] == large["infinite_if_stable"] == 0


def test_the_notebook_counts_one_feature_more_than_the_source() -> None:
    rows = study.record(names=(), epsilons=(), n=1)["b_published.notebook"]
    assert [row["notebook_rows"] for row in rows] == [row["source_rows"] for row in rows]
    assert {row["notebook_features"] - row["source_features"] for row in rows} == {1}


def test_a_row_names_the_table_that_was_read() -> None:
    (iris,) = study.record(names=("iris",), epsilons=())["b_published.tables"]
    assert iris["source_rows"] == 150
    assert iris["source_sha256"].startswith("b4b0f922")  # as its source's description says


def test_what_is_printed_is_at_most_what_was_selected_under_pgd() -> None:
    rows = study.record(names=(), epsilons=(), n=1)["b_published.units"]
    assert len(rows) == 23
    assert all(row["printed"] <= round(row["selected"], 2) for row in rows)
    assert all(row["equal"] for row in rows if row["radius"] == 0)
    (one,) = (r for r in rows if (r["data"], r["radius"], r["method"]) == ("mnist", 14.0, "rub"))
    assert (one["table"], one["selected"], one["printed"], one["standardised"]) == (
        4,
        96.25,
        96.25,
        True,
    )
