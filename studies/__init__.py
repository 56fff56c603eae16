"""One package for each page of the book: what its experiments are, and its pictures.

The function `record(**parameters)` of a page's package makes the rows that are recorded at the
paper's size, and `python -m studies NAME` runs it. Studies stand above the library, which knows
nothing of them; modules beside the packages are studies whose rows another page shows, and what
several pages use. All are a checkout's, and `pip install -e .` from it puts them on the path.
`studies.oracles` is shared by pages and tests.
"""
