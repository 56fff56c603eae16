# The whole graph: notebooks, recorded runs, book.
#
#   snakemake --cores all                          the book (what `make book` calls)
#   snakemake --cores all notebooks                every notebook, no book
#   snakemake --cores all --config profile=paper   the same at the papers' sizes
#   snakemake --cores 1 _build/records/b5_rub             a recorded run (what `make record` calls)
#
# Everything is built in _build/; `results/` is written by recorded runs alone.
import sys
from pathlib import Path

import yaml

PROFILE = config.get("profile", "quick")
SITE, HTML = "_build/site", "_build/html"
PYTHON = sys.executable
JUPYTER_BOOK = str(Path(sys.executable).with_name("jupyter-book"))


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
    if p.is_file() and "generate" not in p.parts and "__pycache__" not in p.parts
)


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
# content, or the parameters did
rule notebook:
    input:
        "notebooks/{name}.md",
        "notebooks/execute.py",
        "requirements.lock",
        LIBRARY,
        RECORDS,
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
        "echo '{wildcards.name}: running (it, its parameters, the library or a record is new)' &&"
        " {PYTHON} notebooks/execute.py {wildcards.name} --out {SITE}/notebooks"
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
        rm -rf {SITE}/book {HTML} _build/jupyter && mkdir -p {SITE}/book
        cp --parents {params.static} {SITE}/
        {{ {PYTHON} -m book.generate {SITE} &&
        {JUPYTER_BOOK} build {SITE} --toc book/_toc.yml --config {SITE}/_config.yml \
            --path-output _build/jupyter -n -W --keep-going ; }} > {log} 2>&1 \
            || {{ grep -E "WARNING|ERROR|Error|error:" {log} >&2 || tail -n 40 {log} >&2; exit 1; }}
        cp -r _build/jupyter/_build/html {HTML}
        """


# A paper-scale run: hours, and only when asked for by name. The mark says when it was done; the
# rows, their provenance and their checksum are in results/.
rule record:
    input:
        "notebooks/profiles/paper.yml",
    output:
        touch("_build/records/{name}"),
    log:
        "_build/logs/record-{name}.log",
    resources:
        mem_mb=16000,
        runtime=48 * 60,
    shell:
        "{PYTHON} -m studies {wildcards.name} --profile paper 2>&1 | tee {log}"
