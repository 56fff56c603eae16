"""Many instances here have the zero network as their optimum; its warning has tests of its own."""

import pytest

HERE = __file__.rpartition("/")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    quiet = pytest.mark.filterwarnings("ignore::robustcore.errors.EmptyNetworkWarning")
    for item in items:
        if str(item.path).startswith(HERE):
            item.add_marker(quiet)
