"""Line charts as SVG, legible on light and dark pages."""

import math
from dataclasses import dataclass

from .report import PLAIN, median_of

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 340, 56, 40, 64, 48
STYLE = """
text { font: 12px sans-serif; fill: #57606a } .title { font-size: 15px; fill: #24292f } .grid { stroke: #d0d7de }
.a { stroke: #0969da; fill: #0969da } .b { stroke: #bc4c00; fill: #bc4c00 } .c { stroke: #1a7f37; fill: #1a7f37 }
polyline { fill: none !important; stroke-width: 2 } text.a, text.b, text.c { stroke: none }
@media (prefers-color-scheme: dark) { text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d }
.a { stroke: #4493f8; fill: #4493f8 } .b { stroke: #f0883e; fill: #f0883e } .c { stroke: #3fb950; fill: #3fb950 } }
"""


@dataclass
class Chart:
    file: str
    title: str
    x_title: str
    # The lines: names, and points in order.
    lines: dict
    # Whether the x axis is logarithmic.
    log: bool = False

    def svg(self):
        xs = sorted({x for points in self.lines.values() for x, _ in points})
        step = nice(max(y for points in self.lines.values() for _, y in points) / 4)
        top = step * max(1, math.ceil(max(y for points in self.lines.values() for _, y in points) / step))
        scale = math.log if self.log else float

        def across(x):
            first, last = scale(xs[0]), scale(xs[-1])
            return LEFT + (WIDTH - LEFT - RIGHT) * ((scale(x) - first) / (last - first) if last > first else 0.5)

        def up(y):
            return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / top

        parts = [
            text(LEFT, 20, self.title, "title", "start"),
            text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, self.x_title),
        ]
        for mark in range(round(top / step) + 1):
            y = mark * step
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}"/>')
            parts.append(text(LEFT - 8, up(y) + 4, short(y), anchor="end"))
        free = -math.inf
        for x in xs:
            if across(x) - free >= 36:
                parts.append(text(across(x), HEIGHT - BOTTOM + 18, short(x)))
                free = across(x)
        for index, ((name, points), colour) in enumerate(zip(self.lines.items(), "abc")):
            path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
            parts.append(f'<polyline class="{colour}" points="{path}"/>')
            parts += [dot(across(x), up(y), colour, f"{short(x)}: {PLAIN(y)}") for x, y in points]
            parts.append(text(LEFT + index * 150, 42, name, colour, "start"))
        size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
        return f"{head}\n<title>{self.title}</title>\n<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"


def text(x, y, content, colour="", anchor="middle"):
    kind = f' class="{colour}"' if colour else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{content}</text>'


def dot(x, y, colour, content):
    return f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{content}</title></circle>'


def nice(step):
    """Returns the next of 1, 2, 5, 10, 20, and so on."""
    size = 10 ** math.floor(math.log10(step)) if step > 0 else 1
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= step)


def short(number):
    return f"{number:,.0f}" if number >= 1000 else f"{number:g}"


def charts(result):
    """Returns the charts that have values."""
    return [chart for chart in (*connections(result["runs"]), *growth(result["growth"])) if chart.lines]


def connections(runs):
    measured = {int(name.split(":")[1]): servers for name, servers in runs.items() if name.startswith("W10:")}

    def lines(key):
        names = dict.fromkeys(name for servers in measured.values() for name in servers)
        return {
            name: [(count, median_of(servers[name], key)) for count, servers in measured.items() if name in servers]
            for name in names
        }

    yield Chart("connections-rate", "List of 20 tasks: requests per second", "connections", lines("rps"), log=True)
    yield Chart("connections-p99", "List of 20 tasks: 99th percentile in ms", "connections", lines("p99_ms"), log=True)


def growth(found):
    def lines(values, names):
        return {name: [(int(x), y) for x, y in values[key].items()] for key, name in names.items()}

    for grown in found.values():
        lengths = lines(grown, {"length": "taskbridge"})
        yield Chart("length", "A list from 10,000 tasks: median in ms", "tasks in the answer", lengths)
        pages = lines(grown, {"cursor": "by cursor", "offset": "by offset"})
        yield Chart("pages", "Pages of 100 through 10,000 tasks: median in ms", "page", pages)
        sizes = lines(grown["size"], {"first": "first page of 100", "deep": "last page by cursor", "one": "one task"})
        yield Chart(
            "table", "A user with 1,000 tasks: median in ms", "tasks in the table, of all users", sizes, log=True
        )


def write(result, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for chart in charts(result):
        (folder / f"{chart.file}.svg").write_text(chart.svg())
