"""Draws every dashboard as an SVG from what a Prometheus holds, where no Grafana is at hand.

    python3 ops/grafana/render.py http://127.0.0.1:9090 FOLDER [MINUTES]

It asks the panels' own queries, so what it draws is what Grafana would; it looks plainer. Also
lists the panels that are empty, and ends with 1 when a query fails.
"""

import json
import math
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from xml.sax.saxutils import escape

BOARDS = pathlib.Path(__file__).parent / "dashboards"
# One column of Grafana's 24, and one unit of height, in pixels.
COLUMN, ROW = 60, 34
COLORS = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0",
          "#508642", "#cca300"]  # fmt: skip
LINES_MAX, LETTER = 12, 7


def substituted(expr, window="1m"):
    """The query with all variables at their defaults."""
    for name in ["$__rate_interval", "$__interval"]:
        expr = expr.replace(name, window)
    expr = expr.replace("$job", "huiliu")
    for name in ["instance", "kafka_topic", "group", "subject", "dataset"]:
        # A variable at the end of a pattern of its own: "$subject\\..*".
        expr = expr.replace(f"${name}\\\\..*", ".*").replace(f"${name}", ".*")
    return expr


class Prometheus:
    def __init__(self, url):
        self.url = url

    def now(self, expr):
        """`[(labels, value)]` of an instant query."""
        return [(r["metric"], float(r["value"][1])) for r in self._ask("query", query=expr)]

    def over(self, expr, minutes):
        """`[(labels, [(time, value)])]` of the last minutes."""
        end = time.time()
        answer = self._ask(
            "query_range", query=expr, start=end - minutes * 60, end=end,
            step=max(1, minutes * 60 / 300),
        )  # fmt: skip
        return [(r["metric"], [(t, float(v)) for t, v in r["values"]]) for r in answer]

    def _ask(self, what, **parameters):
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["error"]
            raise ValueError(f"{parameters['query']}: {said}") from error


def series(prometheus, panel, minutes):
    """`[(legend, labels, points)]` of a panel, finite values only."""
    found = []
    for target in panel["targets"]:
        expr = substituted(target["expr"])
        if target["instant"]:
            answer = [(labels, [(0, value)]) for labels, value in prometheus.now(expr)]
        else:
            answer = prometheus.over(expr, minutes)
        for labels, points in answer:
            points = [(t, v) for t, v in points if math.isfinite(v)]
            if points:
                found.append((_legend(target["legendFormat"], labels), labels, points))
    return found


def _legend(form, labels):
    if form == "__auto":
        return ", ".join(f"{v}" for k, v in labels.items() if k != "__name__")
    for name, value in labels.items():
        form = form.replace("{{" + name + "}}", value)
    return re.sub(r"{{\w+}}", "", form).strip() or "none"


def drawn(prometheus, board, minutes):
    """The board as SVG, and the titles of its empty panels."""
    empty, parts = [], []
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"]) * ROW + 50
    for panel in board["panels"]:
        found = series(prometheus, panel, minutes)
        if not found:
            empty.append(panel["title"])
        parts.append(_panel(panel, found, minutes))
    width = 24 * COLUMN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="DejaVu Sans, Noto Sans CJK SC, WenQuanYi Zen Hei, sans-serif" '
        f'font-size="11"><rect width="{width}" height="{height}" fill="#111217"/>'
        f'<text x="12" y="28" fill="#ffffff" font-size="18">{escape(board["title"])} — '
        f"{escape(board['description'])}</text>{''.join(parts)}</svg>\n"
    ), empty


def _panel(panel, found, minutes):
    grid = panel["gridPos"]
    x, y = grid["x"] * COLUMN + 4, grid["y"] * ROW + 46
    w, h = grid["w"] * COLUMN - 8, grid["h"] * ROW - 8
    body = {"timeseries": _lines, "stat": _stat, "bargauge": _bars, "table": _table}[panel["type"]]
    more = (minutes,) if panel["type"] == "timeseries" else ()
    inside = (
        body(panel, found, w, h, *more) if found else _text(w / 2 - 20, h / 2, "No data", "#8e8e8e")
    )
    title = _text(8, 16, _cut(panel["title"], w - 16), "#d8d9da")
    return (
        f'<g transform="translate({x},{y})"><rect width="{w}" height="{h}" fill="#181b1f" '
        f'stroke="#2c3235"/>{title}{inside}</g>'
    )


def _stat(panel, found, w, h):
    value = found[0][2][-1][1]
    fill = _color(panel, value) or "#56a64b"
    text = _unit(value, panel)
    return (
        f'<rect x="6" y="24" width="{w - 12}" height="{h - 30}" fill="{fill}"/>'
        f'<text x="{w / 2}" y="{h / 2 + 20}" font-size="26" fill="#fff" text-anchor="middle">'
        f"{escape(text)}</text>"
    )


def _bars(panel, found, w, h):
    rows = found[: int((h - 26) // 16)]
    most = max(abs(points[-1][1]) for _, _, points in rows) or 1
    out = []
    for index, (legend, _, points) in enumerate(rows):
        value, y = points[-1][1], 26 + index * 16
        long = max(1, abs(value) / most * (w - 330))
        fill = _color(panel, value) or "#6ed0e0"
        out.append(_text(8, y + 11, _cut(legend, 220), "#c7d0d9"))
        out.append(f'<rect x="236" y="{y}" width="{long:.1f}" height="12" fill="{fill}"/>')
        out.append(_text(242 + long, y + 11, _unit(value, panel), "#c7d0d9"))
    return "".join(out)


def _table(panel, found, w, h):
    rows = found[: int((h - 26) // 16)]
    out = []
    for index, (_, labels, points) in enumerate(rows):
        y = 37 + index * 16
        told = "  ".join(v for k, v in labels.items() if k not in ("__name__", "job", "instance"))
        out.append(_text(8, y, _cut(told, w - 110), "#c7d0d9"))
        fill = _color(panel, points[-1][1]) or "#c7d0d9"
        out.append(_text(w - 96, y, _unit(points[-1][1], panel), fill))
    return "".join(out)


def _lines(panel, found, w, h, minutes):
    found = sorted(found, key=lambda each: -each[2][-1][1])[:LINES_MAX]
    left, top, right, bottom = 70, 26, w - 10, h - 40
    last = max(t for _, _, points in found for t, _ in points)
    first = last - minutes * 60
    values = [v for _, _, points in found for _, v in points]
    low, high = min(0, *values), max(values)
    high = high if high > low else low + 1
    out = []
    for step in range(5):
        value = low + (high - low) * step / 4
        y = bottom - (bottom - top) * step / 4
        out.append(f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}" stroke="#2c3235"/>')
        out.append(_text(6, y + 4, _unit(value, panel), "#8e8e8e"))
    for index, (_, _, points) in enumerate(found):
        color = COLORS[index % len(COLORS)]
        for piece in _pieces(points, minutes * 60 / 100):
            path = " ".join(
                f"{left + (t - first) / (last - first) * (right - left):.1f},"
                f"{bottom - (v - low) / (high - low) * (bottom - top):.1f}"
                for t, v in piece
            )
            out.append(f'<polyline points="{path}" fill="none" stroke="{color}"/>')
    x, y = 8.0, h - 22
    for index, (legend, _, _) in enumerate(found):
        long = len(legend) * LETTER + 24
        if x + long > w:
            x, y = 8.0, y + 14
        if y > h - 4:
            break
        color = COLORS[index % len(COLORS)]
        out.append(f'<rect x="{x}" y="{y - 6}" width="10" height="3" fill="{color}"/>')
        out.append(_text(x + 14, y, legend, "#c7d0d9"))
        x += long
    return "".join(out)


def _pieces(points, gap):
    """Runs of points without a gap of so many seconds."""
    pieces = [[points[0]]]
    for point in points[1:]:
        if point[0] - pieces[-1][-1][0] > gap:
            pieces.append([])
        pieces[-1].append(point)
    return pieces


def _color(panel, value):
    """The colour of the highest threshold that the value reaches."""
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    reached = [s["color"] for s in steps if s["value"] is None or value >= s["value"]]
    named = {"green": "#56a64b", "yellow": "#d8a31a", "red": "#e02f44"}
    return named[reached[-1]] if reached else None


def _unit(value, panel):
    """A value as Grafana writes it, nearly."""
    match panel["fieldConfig"]["defaults"]["unit"]:
        case "percentunit":
            return f"{value * 100:.2f} %"
        case "bytes" | "Bps" as unit:
            return _short(value, 1024, ["", "Ki", "Mi", "Gi", "Ti"]) + (
                "B/s" if unit == "Bps" else "B"
            )
        case "s":
            for size, name in [
                (86_400 * 365, "years"),
                (86_400, "days"),
                (3_600, "h"),
                (60, "min"),
            ]:
                if abs(value) >= size:
                    return f"{value / size:.1f} {name}"
            return f"{value:.2f} s" if abs(value) >= 1 or value == 0 else f"{value * 1e3:.1f} ms"
        case "reqps" | "ops":
            return _short(value, 1000, ["", "k", "M"]) + "/s"
    return _short(value, 1000, ["", "k", "M", "G"])


def _short(value, base, names):
    for name in names:
        if abs(value) < base or name == names[-1]:
            return f"{value:.3g}{name}" if value % 1 or abs(value) >= 1000 else f"{value:.0f}{name}"
        value /= base
    return str(value)


def _text(x, y, text, fill):
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{fill}">{escape(text)}</text>'


def _cut(text, pixels):
    letters = int(pixels / LETTER)
    return text if len(text) <= letters else text[: letters - 1] + "…"


def boards():
    return [json.loads(path.read_text()) for path in sorted(BOARDS.glob("*.json"))]


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    prometheus, folder = Prometheus(arguments[0]), pathlib.Path(arguments[1])
    minutes = float(arguments[2]) if len(arguments) == 3 else 180
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for board in boards():
            picture, empty = drawn(prometheus, board, minutes)
            (folder / f"{board['uid']}.svg").write_text(picture)
            print(f"{board['title']}: empty: {', '.join(empty) or 'none'}")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
