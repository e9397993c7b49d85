"""Pieces of Grafana dashboards: panels that flow into rows of 24 columns, and variables."""

import dataclasses

WIDTH = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Raw series carry where they were scraped; recorded ones stand for all processes.
PLACE = 'job=~"$job", instance=~"$instance"'


@dataclasses.dataclass(frozen=True)
class Query:
    expr: str
    legend: str = ""


@dataclasses.dataclass(frozen=True)
class Panel:
    kind: str
    title: str
    description: str
    unit: str
    queries: list
    width: int = 12
    height: int = 8
    # From which value on it is yellow and red; downwards where the second is less.
    limits: tuple = ()
    decimals: int | None = None
    stacked: bool = False


def lines(title, description, unit, *queries, **more):
    return Panel("timeseries", title, description, unit, list(queries), **more)


def number(title, description, unit, expr, **more):
    shape = {"width": 4, "height": 4} | more
    return Panel("stat", title, description, unit, [Query(expr)], **shape)


def bars(title, description, unit, expr, legend, **more):
    """A bar for each series as it is now."""
    return Panel("bargauge", title, description, unit, [Query(expr, legend)], **more)


def table(title, description, unit, expr, **more):
    """A line for each series as it is now."""
    return Panel("table", title, description, unit, [Query(expr)], **more)


def board(uid, title, description, panels, variables=()):
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["huiliu"],
        "timezone": "browser",
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "schemaVersion": 39,
        "version": 1,
        "time": {"from": "now-3h", "to": "now"},
        "links": [
            {
                "type": "dashboards", "title": "huiliu", "tags": ["huiliu"], "asDropdown": True,
                "includeVars": True, "keepTime": True,
            }
        ],
        "annotations": {"list": [_starts()]},
        "templating": {"list": [_source(), *_places(), *variables]},
        "panels": [_panel(number, *placed) for number, placed in enumerate(_flow(panels), 1)],
    }  # fmt: skip


def variable(name, label, metric, key, **more):
    """Values of a label to choose from; all without a choice."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"query": f"label_values({metric}, {key})", "refId": name},
        "definition": f"label_values({metric}, {key})",
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    } | more


def _places():
    return [
        # Not `.*`: other jobs have metrics of their process as well.
        variable("job", "Job", "huiliu_build_info", "job", allValue=None),
        variable("instance", "Instance", 'huiliu_build_info{job=~"$job"}', "instance"),
    ]


def _source():
    return {
        "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus",
        "current": {"selected": False, "text": "Prometheus", "value": "prometheus"},
    }  # fmt: skip


def _starts():
    """Marks where a process began: deployments and crashes alike."""
    return {
        "name": "Starts of processes",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"changes(process_start_time_seconds{{{PLACE}}}[1m]) > 0",
        "titleFormat": "{{instance}} started",
    }


def _flow(panels):
    """Places panels from left to right, and below when a row is full."""
    left = top = tallest = 0
    for panel in panels:
        if left + panel.width > WIDTH:
            left, top, tallest = 0, top + tallest, 0
        yield panel, left, top
        left, tallest = left + panel.width, max(tallest, panel.height)


def _panel(number, panel, left, top):
    instant = panel.kind != "timeseries"
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": panel.height},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": instant,
                "range": not instant,
                **({"format": "table"} if panel.kind == "table" else {}),
            }
            for index, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        **_options(panel.kind),
    }


def _defaults(panel):
    defaults = {"unit": panel.unit, "color": {"mode": "palette-classic"}}
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    if panel.limits:
        yellow, red = panel.limits
        rising = yellow <= red
        steps = [("green" if rising else "red", None)]
        steps += (
            [("yellow", yellow), ("red", red)] if rising else [("yellow", red), ("green", yellow)]
        )
        defaults["color"] = {"mode": "thresholds"}
        defaults["thresholds"] = {
            "mode": "absolute",
            "steps": [{"color": color, "value": value} for color, value in steps],
        }
    if panel.kind == "timeseries":
        defaults["color"] = {"mode": "palette-classic"}
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 5,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "line" if panel.limits else "off"},
        }
    return defaults


def _options(kind):
    calcs = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    match kind:
        case "stat":
            return {"options": calcs | {"colorMode": "background", "graphMode": "none"}}
        case "bargauge":
            return {"options": calcs | {"orientation": "horizontal", "displayMode": "basic"}}
        case "table":
            hidden = {"Time": True, "__name__": True}
            return {
                "options": {"cellHeight": "sm", "sortBy": [{"displayName": "Value", "desc": True}]},
                "transformations": [{"id": "organize", "options": {"excludeByName": hidden}}],
            }
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    return {"options": {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}}
