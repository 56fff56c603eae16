"""One module for each notebook: parameters to rows.

A study computes; it draws nothing. Its function `record(**parameters)` makes the rows that are
recorded at the paper's size, and `python -m robustcore.studies NAME` runs it.
"""
