# The whole graph: notebooks, recorded runs, book.
#
#   snakemake --cores all                          the book
#   snakemake --cores all notebooks                every notebook, no book
#   snakemake --cores all --config profile=paper   the same at the papers' sizes
#   snakemake --cores 1 _build/records/b5_rub      a recorded run
#
# `make` adds --nolock --rerun-incomplete to each: see `onstart`.
# Everything is built in _build/; `results/` is written by recorded runs alone.
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(workflow.basedir))
from book import once
from book.inputs import inputs

PROFILE = config.get("profile", "quick")
SITE, HTML = "_build/site", "_build/html"
PYTHON = sys.executable
JUPYTER_BOOK = str(Path(sys.executable).with_name("jupyter-book"))
BOOK_RULES = ("book", "notebooks", "notebook", "page")


def read(path):
    return (yaml.safe_load(Path(path).read_text()) or {}) if Path(path).exists() else {}


def listed(node):
    """The files that the table of contents names, in its order."""
    if isinstance(node, dict):
        yield from [node["file"]] if "file" in node else []
        yield from (name for value in node.values() for name in listed(value))
    elif isinstance(node, list):
        yield from (name for item in node for name in listed(item))


NOTEBOOKS = [Path(f).stem for f in listed(read("book/_toc.yml")) if f.endswith(".ipynb")]
PARAMETERS = read(f"notebooks/profiles/{PROFILE}.yml")
LIBRARY = sorted(str(p) for room in ("robustcore", "studies") for p in Path(room).rglob("*.py"))
RECORDS = sorted(str(p) for p in Path("results").glob("*.json"))
CLAIMS = sorted(str(p) for p in Path("claims").rglob("*.yml"))
STATIC = ["_config.yml"] + sorted(
    str(p)
    for p in Path("book").rglob("*")
    if p.is_file() and (p.suffix not in (".py", ".pyc") or "extension" in p.parts)
    and "__pycache__" not in p.parts
)


# One run of the book, or of a record, at a time. This lock dies with its process, Snakemake's own does
# not: so it is called with --nolock, and with --rerun-incomplete, and a killed run just goes on.
onstart:
    try:
        jobs = workflow.dag.needrun_jobs()
        names = {"book" if j.rule.name in BOOK_RULES else "-".join([j.rule.name, *j.wildcards]) for j in jobs}
        HELD = [once.hold(name) for name in sorted(names)]
    except once.BusyError as error:
        raise WorkflowError(str(error))


wildcard_constraints:
    name="[a-z0-9_]+",


localrules:
    book,
    notebooks,
    page,


rule book:
    input:
        f"{HTML}/index.html",
    default_target: True


rule notebooks:
    input:
        expand(f"{SITE}/notebooks/{{name}}.ipynb", name=NOTEBOOKS),


# one notebook at the profile's parameters; nothing runs again unless one of these files changed in
# content, or the parameters did: it, the modules that it imports and what they import, its records
rule notebook:
    input:
        "notebooks/{name}.md",
        "notebooks/execute.py",
        "requirements.lock",
        lambda wildcards: inputs(f"notebooks/{wildcards.name}.md"),
    output:
        f"{SITE}/notebooks/{{name}}.ipynb",
    params:
        values=lambda wildcards: PARAMETERS.get(wildcards.name) or {},
        profile=PROFILE,
    log:
        "_build/logs/{name}.log",
    resources:
        mem_mb=4000,
        runtime=lambda wildcards: 20 if PROFILE == "quick" else 24 * 60,
    shell:
        "echo '{wildcards.name}: running (it, its parameters, a module below it or a record is new)' &&"
        " {PYTHON:q} notebooks/execute.py {wildcards.name} --out {SITE}/notebooks"
        " --profile {params.profile} > {log} 2>&1"
        " && tail -n 1 {log} || (tail -n 40 {log} >&2; exit 1)"


rule page:
    input:
        STATIC,
        LIBRARY,
        RECORDS,
        CLAIMS,
        "README.md",
        generators=sorted(str(p) for p in Path("book/generate").glob("*.py")),
        notebooks=expand(f"{SITE}/notebooks/{{name}}.ipynb", name=NOTEBOOKS),
    output:
        f"{HTML}/index.html",
    log:
        "_build/logs/book.log",
    params:
        static=STATIC,
    shell:
        """
        # from nothing: Sphinx repeats no warning about a page that it has not read again
        rm -rf {SITE}/book _build/jupyter && mkdir -p {SITE}/book
        cp --parents {params.static:q} {SITE}/
        {{ {PYTHON:q} -m book.generate {SITE} &&
        {JUPYTER_BOOK:q} build {SITE} --toc book/_toc.yml --config {SITE}/_config.yml \
            --path-output _build/jupyter -n -W --keep-going ; }} > {log} 2>&1 \
            || {{ grep -E "WARNING|ERROR|Error|error:" {log} >&2 || tail -n 40 {log} >&2; exit 1; }}
        rm -rf {HTML} && mv _build/jupyter/_build/html {HTML}
        """


# A paper-scale run: hours, and only when asked for by name. The mark says when it was done; the
# rows, their provenance and their checksum are in results/.
rule record:
    input:
        "notebooks/profiles/paper.yml",
    output:
        touch("_build/records/{name}"),
    wildcard_constraints:
        name=r"[a-z0-9_]+(\.[a-z0-9_]+)*",
    log:
        "_build/logs/record-{name}.log",
    resources:
        mem_mb=16000,
        runtime=48 * 60,
    shell:
        "{PYTHON:q} -m studies {wildcards.name} --profile paper 2>&1 | tee {log}"


include: "sweeps.smk"
