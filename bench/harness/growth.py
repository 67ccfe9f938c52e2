"""Costs that grow: with the length of a list, with the depth of a page, with the size of the table."""

import statistics
import time

from . import data, load
from .servers import Server
from .workloads import raw

LENGTHS = (10, 20, 50, 100, 200, 500, 1000)
# The measured pages, of a user with 10,000 tasks.
PAGE = 100
PAGES = (1, 10, 25, 50, 75, 100)
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def measure(place, server, settings, log):
    """Measures all three. Each value is the median latency of one connection, in milliseconds."""
    server.start()
    try:
        path = "/api/pages/tasks"
        targets = {("length", length): f"{path}?limit={length}" for length in LENGTHS}
        cursors = cursor_pages(server, "pages", path)
        for page in PAGES:
            targets["cursor", page] = cursors[page - 1]
            targets["offset", page] = f"{path}?limit={PAGE}&offset={(page - 1) * PAGE}"
        found = latencies(place, server, "pages", targets, settings)
        found["pages"] = len(cursors)
    finally:
        server.stop()
    found["size"] = sizes(place, settings, log)
    return found


def latencies(place, server, user, targets, settings):
    """Returns for each target the median over the repeats of its median latency; targets are interleaved."""
    times = {target: [] for target in targets}
    for turn in range(settings.reps):
        for target, path in list(targets.items())[:: -1 if turn % 2 else 1]:
            request = raw(server, "GET", path, server.bearer(user))
            report = load.end(load.begin(place, server, [request], connections=1, seconds=settings.secs / 2, warm=0.1))
            if report["errors"]:
                raise RuntimeError(f"{server.name}: {path} answers {report['statuses']}")
            times[target].append(report["p50_us"] / 1000)
    found = {}
    for (what, value), measured in times.items():
        found.setdefault(what, {})[str(value)] = statistics.median(measured)
    return found


def cursor_pages(server, user, path):
    """Returns the paths of all pages of a list, following the header Link."""
    here = f"{path}?limit={PAGE}"
    paths = []
    while here:
        paths.append(here)
        status, _, headers = server.call("GET", here, headers=server.bearer(user))
        if status != 200:
            raise RuntimeError(f"{server.name}: {here} answers {status}")
        link = headers.get("Link", "")
        here = path + link.partition("<")[2].partition(">")[0] if 'rel="next"' in link else None
    return paths


def sizes(place, settings, log):
    """Measures one user with 1,000 tasks, in tables of 1,000 to 1,000,000 tasks."""
    server = Server("taskbridge", place)
    server.database = "growth"
    place.postgres.sql("postgres", "CREATE DATABASE growth")
    server.start()
    try:
        others = [f"u{number}" for number in range(1, 1001)]
        data.add_users(place.postgres, "growth", ["heavy", *others])
        place.postgres.sql("growth", data.task_rows("'heavy'", 1, 1000))
        rows, found = 1000, {}
        for size in SIZES:
            each = (size - rows) // len(others)
            if each:
                first = (rows - 1000) // len(others) + 1
                place.postgres.sql("growth", data.task_rows("'u' || u", first, first + each - 1, len(others)))
                rows += each * len(others)
            place.postgres.sql("growth", "VACUUM ANALYZE;")
            log(f"growth: {rows} tasks")
            time.sleep(1)
            path = "/api/heavy/tasks"
            one = data.task_ids_of(place.postgres, "growth", "heavy")[500]
            targets = {
                ("first", size): f"{path}?limit={PAGE}",
                ("deep", size): cursor_pages(server, "heavy", path)[-1],
                ("one", size): f"{path}/{one}",
            }
            for what, values in latencies(place, server, "heavy", targets, settings).items():
                found.setdefault(what, {}).update(values)
        return found
    finally:
        server.stop()
