"""The ledger: what the papers claim, and the verdict that recorded rows give.

`claims/*.yml` hold one entry for each claim. A verdict is never typed alone: the entry states in
expressions what would make the claim reproduced, and the verdict that it stores must be the one
that those expressions give on the recorded rows. A test recomputes them all.

.. code-block:: yaml

    - id: b-table-8-rub
      source: "[B] Table 8"
      statement: At radius 2.8 the network trained with RUB keeps most of its accuracy.
      paper: 84.2                        # number, text, list, mapping or null
      record: b5_rub.radius              # or a list of them; rows then carry their `record`
      scale: "smaller: 3 networks, 500 updates"     # how large our run was; see `SCALES`
      values:                            # named numbers, for criteria and sentences; optional
        rub: val("certified", method="rub", radius=2.8)
        lead: rub - val("certified", method="nominal", radius=2.8)
      ours: rub                          # a number, or a list of them
      names: certified share             # of the number in `ours`, or a list of names
      unit: "% of images"                # optional
      format: ".1%"                      # of the displayed number, optional
      reproduced_if: rub >= 0.8
      partly_if: lead > 0
      verdict: reproduced
      reason: One sentence for the reader. It leads by {lead:.1%}.
      page: b5_rub
      finding: "{ours} of the images are certified; the paper prints {paper} %."  # optional

The first of `wrong_if`, `misprint_if`, `reproduced_if`, `partly_if` that holds decides; if none
does, the claim is "not reproduced". An entry without any of them is "not run" if it says under
`needs` which run would decide it, else "not testable", and its reason says why. "Wrong as printed"
is a statement that fails; a "misprint" is a slip after which nothing else changes. Sentences may
name the numbers of `values`, `{ours}` and `{paper}`. An entry with a `finding` is a line of the
book's first page.
"""

from __future__ import annotations

from .entry import CRITERIA, SCALES, VERDICTS, Claim, load
from .judging import Recorded, enough, judge, ours, recorded, said

__all__ = [
    "CRITERIA",
    "SCALES",
    "VERDICTS",
    "Claim",
    "Recorded",
    "enough",
    "judge",
    "load",
    "ours",
    "recorded",
    "said",
]
