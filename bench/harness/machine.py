"""What the machine is, and what processes take of it. Linux only."""

import os
import platform
import time
from pathlib import Path

CORES = os.cpu_count() or 1
TICKS = os.sysconf("SC_CLK_TCK")


def describe():
    """The machine, for the report."""
    cpus = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return {
        "cores": CORES,
        "cpu": cpus[0] if cpus else platform.machine(),
        "memory_gib": memory,
        "kernel": platform.release(),
    }


def stat(pid):
    """The fields of /proc/PID/stat behind the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(pid):
    """A process and all that descend from it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                children.setdefault(int(stat(entry)[1]), []).append(int(entry))
            except OSError:
                pass
    found = [pid]
    for process in found:
        found += children.get(process, [])
    return found


def cpu_seconds(pid):
    """CPU time of a process tree, with that of children that have ended."""
    ticks = 0
    for process in tree(pid):
        try:
            ticks += sum(int(field) for field in stat(process)[11:15])
        except OSError:
            pass
    return ticks / TICKS


def memory_mib(pid):
    """Memory of a process tree; what it shares with others counts in parts (Pss)."""
    kib = 0
    for process in tree(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024


def busy_seconds():
    """CPU time of everybody, without the kernel's for the network: that is mostly our own."""
    fields = Path("/proc/stat").read_text().split()
    return sum(int(field) for field in fields[1:4]) / TICKS


def generator_seconds():
    """CPU time of the load generators that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def wait_until_quiet(share=0.2, patience=3):
    """Waits for others on the machine to use less than a share of it, but not for long."""
    begin = time.monotonic()
    while time.monotonic() - begin < patience:
        busy, since = busy_seconds(), time.monotonic()
        time.sleep(0.25)
        if (busy_seconds() - busy) / (time.monotonic() - since) / CORES < share:
            return
