"""Run the sweep of a study: python -m studies.engine NAME --shard 3/16 --seconds 600."""

import argparse
import importlib
import sys
from pathlib import Path

import yaml

from robustcore import provenance
from robustcore.errors import RobustcoreError

from . import command

parser = argparse.ArgumentParser(prog="python -m studies.engine")
parser.add_argument("name")
parser.add_argument("--profile", default="paper")
parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
parser.add_argument("--out", type=Path)
command.add_options(parser)
options = parser.parse_args()
try:
    path = provenance.CHECKOUT / "notebooks" / "profiles" / f"{options.profile}.yml"
    given = (yaml.safe_load(path.read_text()) or {}).get(options.name) if path.exists() else {}
    given = {
        **(given or {}),
        **{k: yaml.safe_load(v) for k, v in (t.split("=", 1) for t in options.set)},
    }
    made = importlib.import_module(f"studies.{options.name}").sweep(**given)
    sys.exit(command.main(made, options))
except RobustcoreError as error:
    parser.exit(1, f"{error}\n")
