"""What a GPU is borrowed for, in one command that fits into a given time.

    python -m studies.on_gpu --seconds 780 --out results
    python -m studies.on_gpu --seconds 60 --out /tmp/x --tiny --device cpu      a rehearsal

In this order: [B] Table 6's seconds at the real shapes, with the share of the card's peak that each
step reaches; the convolutional networks of Tables 10 to 12 at the paper's size; cells of the images
in profile `desktop`, in stacks, which fill the same grid as a CPU's; and, with what time is left,
in profile `paper`. Sweeps stop at their time and go on with the next call. One folder holds it all.
"""

from __future__ import annotations

from robustcore.starting import loading, stoppable

with loading("python -m studies.on_gpu", __name__ == "__main__"):
    import argparse
    import subprocess
    import sys
    import time
    from collections.abc import Sequence
    from dataclasses import dataclass
    from pathlib import Path
    from typing import Any

    import torch

    from robustcore import records
    from robustcore.provenance import CHECKOUT

    from . import digest
    from .b7_speed.timing import Step, timing_rows
    from .products import multiplications

_SKIPPED = ("RUB, one graph", "RUB, as printed")  # what no one trains on
_SIDE = 8192  # of the matrices whose product is the peak


@dataclass(frozen=True)
class Part:
    """A sweep to run: what `python -m studies` is told, and its share of the time.

    Source: own
    """

    name: str
    profile: str
    share: float
    given: tuple[str, ...] = ()
    tiny: tuple[str, ...] = ()  # in a rehearsal, on top of profile quick

    def command(self, seconds: float, device: str, out: Path, tiny: bool) -> list[str]:
        """The command line."""
        profile, given = ("quick", self.tiny) if tiny else (self.profile, self.given)
        sets = [word for pair in given for word in ("--set", pair)]
        head = [sys.executable, "-m", "studies", self.name, "--profile", profile]
        return [*head, "--device", device, "--seconds", f"{seconds:.0f}", "--out", str(out), *sets]


_TINY = ("steps=3", "n_test=4", "n_validation=2", "width=8", "attack_steps=1", "methods=[nominal]",
         "units=[pixels]")  # fmt: skip
PARTS = (
    Part(
        "b6_networks",
        "paper",
        0.5,
        ("steps=3000", "pgd_steps=10", "n_test=1000"),
        ("steps=3", "n_test=4", "n_validation=2", "n_certified=1"),
    ),
    Part("b9_images", "desktop", 0.7, ("max_stack=5",), (*_TINY, "max_stack=2")),
    Part(
        "b9_images",
        "paper",
        1.0,
        ("max_stack=11", "top=1", "pgd_steps=10", "n_test=1000"),
        (*_TINY, "epsilons=[0.2]"),
    ),
)


def speed_rows(shapes: Sequence[str], repeats: int, device: str) -> list[dict[str, Any]]:
    """Seconds of a step of each method, and the share of the peak that its products reach.

    Source: [B] Table 6

    Returns
    -------
    list of dict
        As `b7_speed.timing.timing_rows` has them, with `flop`, the operations of a step that are
        matrix products, `peak`, those a second of one large product in the same precision, and
        `share`, what the step reaches of that.
    """
    peak = matrix_peak(device, _SIDE if device != "cpu" else 512)
    found = []
    for row in timing_rows(shapes, repeats=repeats, device=device, skip=_SKIPPED):
        flop = _products(row["shape"], row["method"], device)
        reached = flop / row["seconds"] / peak
        found.append({**row, "flop": flop, "peak": peak, "share": reached})
    return found


def matrix_peak(device: str, side: int) -> float:
    """Operations a second of a square product in float32.

    Source: own
    """
    a = torch.rand(side, side, device=device)
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        (a @ a).sum().item()  # waits for the device
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def _products(shape: str, method: str, device: str) -> int:
    step = Step.of(shape, 0.1, method, device, seed=0)
    return round(2 * multiplications(step))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status is that of the worst part.

    Source: own
    """
    parser = argparse.ArgumentParser(prog="python -m studies.on_gpu")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--tiny", action="store_true", help="a rehearsal at sizes that mean nothing"
    )
    options = parser.parse_args(arguments)
    ends = time.monotonic() + options.seconds
    shapes = ("uci",) if options.tiny else ("mnist", "cifar10")
    rows = speed_rows(shapes, 1 if options.tiny else 20, options.device)
    records.save(
        "on_gpu.steps",
        rows,
        {"shapes": list(shapes), "device": options.device},
        folder=options.out,
        profile="quick" if options.tiny else "paper",
        code=digest.code("studies.on_gpu"),
    )
    for row in rows:
        print(f"{row['shape']} {row['method']}: {row['batches_per_second']:.1f} batches a second, "
              f"{row['share']:.1%} of the peak", flush=True)  # fmt: skip
    worst = 0
    for part in PARTS:
        left = max(1.0, (ends - time.monotonic()) * part.share)
        command = part.command(left, options.device, options.out.resolve(), options.tiny)
        done = subprocess.run(command, cwd=CHECKOUT)
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    with stoppable("python -m studies.on_gpu", "finished parts and cells are kept"):
        sys.exit(main())
