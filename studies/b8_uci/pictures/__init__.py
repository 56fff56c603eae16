"""Pictures of the 46 tables: ranks over the radius, gains set by set, one set whole."""

from .look import WORDS
from .ranks import figure_2, leads, rank_test
from .schematic import schematic
from .sets import gained, one_set

__all__ = ["WORDS", "figure_2", "gained", "leads", "one_set", "rank_test", "schematic"]
