#!/bin/bash
# A SLURM cluster of one node on loopback, for as long as a command runs; as root, on Debian:
#
#   apt-get install slurm-wlm munge
#   pip install snakemake-executor-plugin-slurm
#   bash tests/studies/engine/slurm.sh snakemake --executor slurm --slurm-status-command squeue \
#       --jobs 2 _build/sweeps/b8_uci/desktop/4-shards
#
# Configuration, state and logs are in a folder of its own that goes when the command ends, and so
# does the link /etc/slurm/slurm.conf, where jobs look for it. The exit status is the command's.
set -euo pipefail
link=/etc/slurm/slurm.conf
if [ -e $link ]; then
    echo "there is a SLURM here already ($link); use it, or remove it first." >&2
    exit 1
fi
folder=$(mktemp -d /tmp/slurm.XXXXXX)
host=$(hostname -s)
chmod 755 "$folder"
pids=()

clean() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$folder" $link
}
trap clean EXIT

head -c 1024 /dev/urandom > "$folder/munge.key"
chmod 600 "$folder/munge.key"
socket=$folder/munge.socket
munged --foreground --force --key-file="$folder/munge.key" --socket="$socket" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" \
    > "$folder/munged.out.log" 2>&1 &
pids+=($!)

cat > "$folder/slurm.conf" <<CONF
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$socket
CredType=cred/munge
SlurmctldPort=36817
SlurmdPort=36818
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
MinJobAge=300
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=8000 State=UNKNOWN
PartitionName=loopback Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
mkdir "$folder/state" "$folder/spool"
ln -s "$folder/slurm.conf" $link

for _ in $(seq 50); do [ -S "$socket" ] && break; sleep 0.1; done
slurmctld -D > "$folder/slurmctld.out.log" 2>&1 & pids+=($!)
slurmd -D > "$folder/slurmd.out.log" 2>&1 & pids+=($!)
for _ in $(seq 100); do
    [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] && ready=yes && break
    sleep 0.2
done
if [ -z "${ready:-}" ]; then
    echo "the cluster on loopback does not come up:" >&2
    tail -n 5 "$folder"/*.log >&2
    exit 1
fi
"$@"
