"""What operators get under ops/: rules, alerts, runbooks, dashboards, ways to deploy.

Nothing here starts a service; test_ops_live.py holds it against a running process.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from conftest import missing
from places import REPOSITORY, SETUP

OPS = REPOSITORY / "ops"
sys.path.insert(0, str(OPS))
import stack as stacks  # noqa: E402

RULES = OPS / "prometheus" / "rules"
RUNBOOKS = OPS / "runbooks"
BOARDS = sorted((OPS / "grafana" / "dashboards").glob("*.json"))
SECTIONS = [
    "Meaning", "Impact on analysts", "First three commands", "Causes", "Remedy", "Escalation",
    "How to verify",
]  # fmt: skip
# Units that the dashboards may use, as Grafana names them.
UNITS = {"none", "short", "s", "bytes", "Bps", "reqps", "ops", "percentunit"}


def tool(script):
    """The program that a set-up script prints the path of."""
    done = subprocess.run(
        [SETUP / script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        missing(f"ops/setup/{script}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip()


def succeeds(*command, **settings):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **settings)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def alerts():
    """`[(name, severity)]` of the rule file, read without the generator."""
    text = (RULES / "alerts.yml").read_text()
    return re.findall(r"- alert: (\w+)\n.*?labels: \{severity: (\w+)\}", text, re.DOTALL)


def panels():
    for path in BOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            yield board, panel


def expressions():
    """Every query of rules and dashboards, with where it stands."""
    for path in RULES.glob("*.yml"):
        yield path.name, path.read_text()
    for board, panel in panels():
        for target in panel["targets"]:
            yield f"{board['title']}: {panel['title']}", target["expr"]


def test_what_is_committed_is_what_the_generator_writes():
    succeeds(sys.executable, OPS / "generate", "--check")


@pytest.mark.parametrize("cases", ["symptoms", "standstill", "causes"])
def test_alerts_fire_and_stay_silent(promtool, cases):
    succeeds(promtool, "test", "rules", OPS / "prometheus" / "tests" / f"{cases}.yml")


def test_every_alert_and_severity_has_a_case_that_fires_and_one_that_does_not():
    fires, silent = set(), set()
    for path in (OPS / "prometheus" / "tests").glob("*.yml"):
        for name, severity, samples in re.findall(
            r'ALERTS\{alertname="(\w+)", alertstate="firing", severity="(\w+)"\}.*\n'
            r".*eval_time.*\n +exp_samples: (.*)", path.read_text(),
        ):  # fmt: skip
            (silent if samples == "[]" else fires).add((name, severity))
    wanted = set(alerts()) - {("Watchdog", "none")}
    assert len(wanted) > 25
    assert fires == wanted
    assert silent == wanted


def test_alerts_and_runbooks_belong_together():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {name for name, _ in alerts()}
    text = (RULES / "alerts.yml").read_text()
    linked = re.findall(r"runbook_url: (\S+)", text)
    assert len(linked) == len(alerts())
    assert all((REPOSITORY / link).exists() for link in linked)
    uids = {json.loads(path.read_text())["uid"] for path in BOARDS}
    assert set(re.findall(r"dashboard_url: \S+/d/(\S+)", text)) <= uids


def test_runbooks_say_what_to_do_in_commands_that_exist(binary):
    for path in sorted(RUNBOOKS.glob("*.md")):
        text = path.read_text()
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS, path.name
        block = re.search(r"## First three commands\n\n```sh\n(.*?)\n```", text, re.DOTALL)
        assert len(block.group(1).splitlines()) == 3, path.name
        spans = [" ".join(span.split()) for span in re.findall(r"`(huiliu [^`]+)`", text)]
        for line in [*block.group(1).splitlines(), *spans]:
            for command in re.findall(r"(?:^|\|\| )(huiliu [^|]*)", line):
                understood(binary, path.name, command)


def understood(binary, where, command):
    """The verbs and options of a command are those that the program knows."""
    words = shlex.split(command.replace("…", "x"))[1:]
    verbs = []
    for word in words:
        if not re.fullmatch(r"[a-z][a-z-]*", word) or len(verbs) == 2:
            break
        verbs.append(word)
    while True:
        done = subprocess.run([binary, *verbs, "--help"], capture_output=True, text=True)
        if done.returncode == 0:
            break
        assert len(verbs) > 1, f"{where}: `{command}` is not understood"
        verbs.pop()
    options = {word.split("=")[0] for word in words if word.startswith("--") and word != "--help"}
    known = set(re.findall(r"--[a-z-]+", done.stdout))
    assert options <= known, f"{where}: `{command}` has unknown options {options - known}"


def test_rules_and_dashboards_ask_for_metrics_that_exist():
    catalogue = (REPOSITORY / "tests" / "e2e" / "metrics.txt").read_text()
    kinds = dict(re.findall(r"^(\w+) (\w+)$", catalogue, re.MULTILINE))
    served = set(kinds)
    for name, kind in kinds.items():
        if kind == "histogram":
            served |= {f"{name}_{part}" for part in ["bucket", "sum", "count"]}
    recorded = set()
    for path in RULES.glob("*.yml"):
        recorded |= set(re.findall(r"record: (\S+)", path.read_text()))
    for where, text in expressions():
        text = re.sub(r'"huiliu_?[^"\n]*?\.?"', "", text)
        asked = set(re.findall(r"\bhuiliu_\w+", text))
        assert asked <= served, f"{where}: {asked - served}"
        asked = set(re.findall(r"\bhuiliu:[\w:]+", text))
        assert asked <= recorded, f"{where}: {asked - recorded}"


def test_dashboards_are_complete(promtool, tmp_path):
    """The checks of Grafana's dashboard linter, and the syntax of every query."""
    rules = []
    for board, panel in panels():
        where = f"{board['title']}: {panel['title']}"
        assert panel["title"] and panel["description"].endswith((".", "list.")), where
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, where
        assert panel["datasource"]["uid"] == "${datasource}", where
        for target in panel["targets"]:
            expr = target["expr"]
            for selector in re.findall(r"\b(?:huiliu|process)_\w+(\{[^}]*\})?", expr):
                assert 'job=~"$job", instance=~"$instance"' in selector, f"{where}: {expr}"
            window = not target["instant"] and re.search(r"\b(rate|deriv)\(", expr)
            assert not window or "$__rate_interval" in expr, f"{where}: {expr}"
            rules.append(plain(expr))
    for path in BOARDS:
        board = json.loads(path.read_text())
        names = [variable["name"] for variable in board["templating"]["list"]]
        assert names[:3] == ["datasource", "job", "instance"]
        assert path.stem == board["uid"] and board["description"]
    listed = "".join(
        f"\n  - {{record: 'x:{i}', expr: {json.dumps(e)}}}" for i, e in enumerate(rules)
    )
    file = tmp_path / "panels.yml"
    file.write_text(f"groups:\n- name: panels\n  rules:{listed}\n")
    succeeds(promtool, "check", "rules", file)


def plain(expr):
    """The query with its variables at their defaults."""
    sys.path.insert(0, str(OPS / "grafana"))
    import render

    return render.substituted(expr)


def test_alertmanager_takes_its_configuration_and_routes_by_severity():
    amtool = tool("alertmanager.sh")
    config = OPS / "alertmanager" / "alertmanager.yml"
    succeeds(amtool, "check-config", config)
    for labels, receiver in [
        (["alertname=Watchdog", "severity=none"], "watchdog"),
        (["alertname=DatasetStale", "severity=page", "dataset=water_bill"], "pager"),
        (["alertname=CommitSlow", "severity=ticket"], "tickets"),
    ]:
        routed = succeeds(amtool, "config", "routes", "test", f"--config.file={config}", *labels)
        assert routed.strip() == receiver
    known = {name for name, _ in alerts()}
    for names in re.findall(r'alertname (?:=|=~|!~) \\?"?([\w|]+)', config.read_text()):
        assert set(names.split("|")) <= known, names


def test_compose_starts_checked_services_on_loopback_without_a_secret():
    checker = tool("compose.sh")
    file = REPOSITORY / "docker-compose.yml"
    example = (REPOSITORY / ".env.example").read_text()
    said = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))
    model = json.loads(succeeds(checker, file, env=os.environ | said))
    services = model["services"]
    assert {
        "broker", "object-store", "huiliu", "prometheus", "alertmanager", "grafana", "postgres",
        "connect",
    } <= set(services)  # fmt: skip
    for name, service in services.items():
        image = service["image"]
        assert re.search(r":v?\d+\.\d+|@sha256:", image) or image == "huiliu:local", image
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", [])), name
        assert service.get("healthcheck") or service.get("restart") == "no", name
        assert service.get("mem_limit") or name == "city", name
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert os.path.exists(volume["source"]), volume["source"]
    # What is secret comes from outside: without it nothing starts.
    bare = {k: v for k, v in os.environ.items() if k not in said}
    done = subprocess.run([checker, file], env=bare, capture_output=True, text=True)
    assert done.returncode == 1 and "copy .env.example to .env" in done.stderr
    for secret in ["huiliu-local-secret", "huiliu-local\n"]:
        assert secret not in file.read_text()


def test_what_starts_without_containers_has_the_settings_of_the_compose_file(tmp_path):
    """Every variable and flag of the file reaches the program; an address of a container does not."""
    stack = stacks.Stack(tmp_path, "huiliu")
    started = set(stacks.SERVICES)
    for service in started:
        (tmp_path / service).mkdir()
        said = stack.services[service]
        command, environment = stack.settings(service)
        assert set(environment) == set(said.get("environment") or {})
        flags = [word.split("=")[0] for word in said.get("command") or []]
        assert [word.split("=")[0] for word in command][1:] == [
            flag if not re.search(r":\d+$", flag) else stack.here(service, flag) for flag in flags
        ][1:]  # fmt: skip
        left = re.findall(r"\b(?:broker|object-store|huiliu|alertmanager):\d+",
                          json.dumps([command, environment]))  # fmt: skip
        assert left == [], service
    command, environment = stack.settings("broker")
    stack.start = None
    (tmp_path / "broker" / "root" / "var/lib/kafka/data").mkdir(parents=True)
    (tmp_path / "broker" / "root" / "var/lib/kafka/data" / "meta.properties").write_text("")
    stacks.broker(stack, command, environment)
    lines = (tmp_path / "broker" / "server.properties").read_text().splitlines()
    written = dict(line.split("=", 1) for line in lines)
    for name, value in stack.services["broker"]["environment"].items():
        key = name.removeprefix("KAFKA_").lower().replace("_", ".")
        is_place = "listeners" in key or key in ("controller.quorum.voters", "log.dirs", "heap.opts")
        assert is_place or written[key] == value, name
    # These are started by scripts of their own.
    postgres, connect = stack.services["postgres"], stack.services["connect"]
    script = " ".join((SETUP / "postgres-start.sh").read_text().split())
    settings = [word for word in postgres["command"] if "=" in word]
    assert settings and all(f"-c {word}" in script for word in settings)
    assert postgres["environment"]["POSTGRES_INITDB_ARGS"] in script
    assert f"CREATE DATABASE {postgres['environment']['POSTGRES_DB']}" in script
    script = (SETUP / "connect-start.sh").read_text().splitlines()
    for name, value in connect["environment"].items():
        key = name.removeprefix("CONNECT_").lower().replace("_", ".")
        if key == "heap.opts":
            assert any(value in line for line in script)
        elif key not in ("bootstrap.servers", "postgres.password"):
            assert f"{key}={value}" in script, name
    assert set(stack.services) - started - {"postgres", "connect"} == {"grafana"}, "cannot be had"


def test_the_unit_is_sound(binary, tmp_path):
    if not shutil.which("systemd-analyze"):
        missing("no systemd-analyze: Debian's package systemd has it")
    unit = tmp_path / "huiliu.service"
    text = (OPS / "systemd" / "huiliu.service").read_text()
    unit.write_text(text.replace("/usr/local/bin/huiliu", str(binary)))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for said in ["Type=notify", "WatchdogSec=60s", "RestartPreventExitStatus=78"]:
        assert f"\n{said}\n" in text


def test_the_image_runs_as_nobody_special():
    text = (OPS / "docker" / "Dockerfile").read_text()
    final = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER 10001", final, re.MULTILINE)
    assert not re.search(r":latest|^FROM [^:\n]+$", text, re.MULTILINE)


def helm():
    """Building it takes four CPU minutes: CI does, a person at a desk is told."""
    script = (SETUP / "helm.sh").read_text()
    version = re.search(r"version=(\S+)", script).group(1)
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    found = shutil.which("helm") or f"{cache}/huiliu/helm-{version}/helm"
    if os.access(found, os.X_OK):
        return found
    if not os.environ.get("CI"):
        pytest.skip("SKIPPED, the chart is not checked: ops/setup/helm.sh builds helm in minutes")
    return succeeds(SETUP / "helm.sh").strip()


def test_the_chart_is_clean(binary, tmp_path):
    chart, program = OPS / "helm" / "huiliu", helm()
    everything = "serviceMonitor.enabled=true,prometheusRule.enabled=true,keda.enabled=true"
    for more in [[], ["--set", everything]]:
        succeeds(program, "lint", "--strict", chart, *more)
        rendered = succeeds(program, "template", "city", chart, "--kube-version", "1.30.0", *more)
    kinds = set(re.findall(r"^kind: (\w+)$", rendered, re.MULTILINE))
    assert kinds == {
        "ConfigMap", "NetworkPolicy", "PodDisruptionBudget", "PrometheusRule", "ScaledObject",
        "Service", "ServiceMonitor", "StatefulSet",
    }  # fmt: skip
    for needed in [
        "readOnlyRootFilesystem: true", "runAsNonRoot: true", "path: /healthz", "path: /readyz",
        "{{ $labels.dataset }}",
    ]:  # fmt: skip
        assert needed in rendered
    # A start that waits for Kafka is nobody's to restart.
    assert "startupProbe" not in rendered
    # The settings in it are settings that the program takes.
    text = re.search(r"huiliu\.yaml: \|\n((?:    .*\n)+)", rendered).group(1)
    settings = tmp_path / "huiliu.yaml"
    text = re.sub(r"^    ", "", text, flags=re.MULTILINE)
    settings.write_text(text.replace("/srv/huiliu", str(REPOSITORY)))
    succeeds(binary, "--config", settings, "validate")
