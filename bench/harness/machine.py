"""The machine, and the resources that processes use. Linux only."""

import os
import platform
import time
from pathlib import Path

CORES = os.cpu_count() or 1
TICKS = os.sysconf("SC_CLK_TCK")


def describe():
    """Describes the machine, for the report."""
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
    """Returns the fields of /proc/PID/stat after the name, which can contain any character."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(pid):
    """Returns a process and its descendants."""
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
    """Returns the CPU time of a process tree, including children that have exited."""
    ticks = 0
    for process in tree(pid):
        try:
            ticks += sum(int(field) for field in stat(process)[11:15])
        except OSError:
            pass
    return ticks / TICKS


def memory_mib(pid):
    """Returns the memory of a process tree; shared memory counts proportionally (Pss)."""
    kib = 0
    for process in tree(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024


def busy_seconds():
    """Returns the CPU time of all processes, without the kernel's network time, which the benchmark itself causes."""
    fields = Path("/proc/stat").read_text().split()
    return sum(int(field) for field in fields[1:4]) / TICKS


def generator_seconds():
    """Returns the CPU time of the load generators that have exited."""
    times = os.times()
    return times.children_user + times.children_system


def wait_until_quiet(share=0.2, patience=3):
    """Waits, with a timeout, until other processes use less than a share of the CPUs."""
    begin = time.monotonic()
    while time.monotonic() - begin < patience:
        busy, since = busy_seconds(), time.monotonic()
        time.sleep(0.25)
        if (busy_seconds() - busy) / (time.monotonic() - since) / CORES < share:
            return
