# Sweeps: the shards of a study, on the cores of this machine or on a cluster, and what they become.
#
#   snakemake --cores 2 _build/sweeps/b8_uci/desktop/8-shards
#   snakemake --executor slurm --jobs 8 _build/sweeps/b8_uci/paper/8-shards
#   snakemake --executor slurm --jobs 8 --config device=cuda --resources gpu=4 ...
#
# A shard that was cut off is run again by the same command, and runs what is left of it. The rows are
# in results/sweeps/; the marks in _build/ say only that a shard has nothing left.
DEVICE = config.get("device", "cpu")
STUDY = r"[a-z0-9_]+(\.[a-z0-9_]+)*"  # a study of a page's room is named with a dot


def study_file(wildcards):
    """A version that was raised makes the shards run again; what is done is skipped."""
    package = Path("studies", *wildcards.name.split("."))
    return str(package / "__init__.py" if package.is_dir() else package.with_suffix(".py"))


localrules:
    sweep,


rule shard:
    input:
        study_file,
    output:
        touch("_build/sweeps/{name}/{profile}/{shard}of{shards}"),
    wildcard_constraints:
        name=STUDY,
        profile="[a-z]+",
        shard="[0-9]+",
        shards="[0-9]+",
    log:
        "_build/logs/{name}-{profile}-{shard}of{shards}.log",
    params:
        device=DEVICE,
    threads: int(config.get("threads", 1))
    resources:
        gpu=1 if DEVICE.startswith("cuda") else 0,
        mem_mb=4000,
        runtime=24 * 60,
    shell:
        "{PYTHON:q} -m studies {wildcards.name} --profile {wildcards.profile} --device {params.device}"
        " --shard {wildcards.shard}/{wildcards.shards} > {log} 2>&1"
        " && tail -n 1 {log} || (tail -n 5 {log} >&2; exit 1)"


rule sweep:
    input:
        lambda wildcards: [
            f"_build/sweeps/{wildcards.name}/{wildcards.profile}/{k + 1}of{wildcards.shards}"
            for k in range(int(wildcards.shards))
        ],
    output:
        touch("_build/sweeps/{name}/{profile}/{shards}-shards"),
    wildcard_constraints:
        name=STUDY,
        profile="[a-z]+",
        shards="[0-9]+",
    shell:
        "{PYTHON:q} -m studies {wildcards.name} --profile {wildcards.profile} --compact"
        " && {PYTHON:q} -m studies {wildcards.name} --profile {wildcards.profile} --status"
