"""Formats a result as markdown."""

import statistics

from . import goals
from .workloads import WORKLOADS

PLAIN = goals.plain


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def goals_table(result):
    rows = []
    for goal, value, verdict in goals.judge(result):
        measured = "-" if value is None else goals.plain(value) + goal.unit
        rows.append([goal.what, f"{goal.goal:g}{goal.unit}", f"{goal.floor:g}{goal.unit}", measured, verdict])
    return table(["", "goal", "floor", "measured", ""], rows)


def machine(result):
    m, s = result["machine"], result["settings"]
    return (
        f"Measured on {result['date']}: {m['cores']} cores ({m['cpu']}), {m['memory_gib']:.0f} GiB,"
        f" Linux {m['kernel']}, PostgreSQL {m['postgresql']}; medians of {s['reps']} repeats of {s['secs']:g} s,"
        f" {noise(result)}. One bcrypt hash of cost 12: {result['hash_ms']:.0f} ms."
    )


def noise(result):
    """Describes the load by other processes, and the spread of the repeats."""
    runs = [of_server for of_workload in result["runs"].values() for of_server in of_workload.values()]
    if not runs:
        return "nothing under load"
    others = [run["other_cpu"] for of_server in runs for run in of_server]
    return (
        f"other processes used {statistics.median(others):.0%} of the CPUs (at most {max(others):.0%}),"
        f" and the repeats differ by {statistics.median(map(spread, runs)):.0%} in req/s"
    )


def median_of(runs, key):
    return statistics.median(run[key] for run in runs)


def spread(runs):
    """Returns the distance between the repeats, relative to their median."""
    rates = [run["rps"] for run in runs]
    middle = statistics.median(rates)
    return (max(rates) - min(rates)) / middle if middle else 0.0


def servers_table(result):
    rows = []
    for name, found in result["servers"].items():
        numbers = [
            ("start_s", "{:.3f}"),
            ("idle_mib", "{:.0f}"),
            ("connections_mib", "{:.0f}"),
            ("storm_mib", "{:.0f}"),
            ("size_mib", "{:.1f}"),
        ]
        rows.append(
            [name, *(form.format(found[key]) if key in found else "-" for key, form in numbers), found["about"]]
        )
    return table(["server", "start s", "idle MiB", "1,024 connections MiB", "sign-ins MiB", "size MiB", ""], rows)


def workload_table(workload, by_server):
    def median(server, key):
        return median_of(by_server[server], key)

    base = workload.base if workload.base in by_server else None
    rows = []
    for server, runs in sorted(by_server.items(), key=lambda item: -median_of(item[1], "rps")):
        rows.append(
            [
                server,
                PLAIN(median(server, "rps")),
                f"{median(server, 'rps') / median(base, 'rps'):.3g}" if base and median(base, "rps") else "-",
                f"{median(base, 'cpu_us') / median(server, 'cpu_us'):.3g}"
                if base and median(server, "cpu_us")
                else "-",
                PLAIN(median(server, "p50_ms")),
                PLAIN(median(server, "p99_ms")),
                f"{median(server, 'cpu_server_us'):.0f} + {median(server, 'cpu_database_us'):.0f}",
                f"{median(server, 'memory_mib'):.0f}",
                str(sum(run["errors"] for run in runs)),
                f"{spread(runs):.0%}",
                f"{median(server, 'other_cpu'):.0%}",
            ]
        )
    head = ["server", "req/s", "ratio", "CPU ratio", "p50 ms", "p99 ms", "CPU us", "MiB", "errors", "spread", "others"]
    return f"**{workload.name}**: {workload.title}\n\n" + table(head, rows)


def tables(result):
    parts = [servers_table(result)]
    parts += [
        workload_table(workload, result["runs"][workload.name])
        for workload in WORKLOADS
        if workload.name in result["runs"]
    ]
    return "\n\n".join(parts)


def whole(result):
    return "\n\n".join([machine(result), tables(result), goals_table(result)])


def put_between(text, name, content):
    """Returns the text with the content between two markers replaced."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if begin not in text or end not in text:
        raise ValueError(f"the markers of {name} are not there")
    return text.partition(begin)[0] + f"{begin}\n{content}\n{end}" + text.partition(end)[2]


def write_docs(result, path):
    text = path.read_text()
    for name, content in (("machine", machine(result)), ("goals", goals_table(result)), ("tables", tables(result))):
        text = put_between(text, name, content)
    path.write_text(text)
