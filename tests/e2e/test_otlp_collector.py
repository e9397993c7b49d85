"""Spans at OpenTelemetry's own collector: what it says that it received, over HTTP and HTTPS."""

import json
import re
import subprocess

import pytest

from places import free_ports
from program import drain, eventually, get, messages
from test_breaker import WATER, bills, nonsense
from test_ops import tool
from test_otlp import TRACE, certificate, publish, spans_of, values

# Records by their offsets, and the spans that they come from.
CAME_FROM = {0: "00f067aa0ba902b7", 7: "00f067aa0ba902b8"}
# Pending changes that make a fold due at once: `pending_rows_min` of crates/lake.
FOLDED = 200_000
# The table that reads bills for water.
TABLE = "enterprise_financing.utility_stability"
SETTINGS = """
receivers:
  otlp:
    protocols:
      http: {{endpoint: "127.0.0.1:{http}"}}
  otlp/tls:
    protocols:
      http:
        endpoint: "127.0.0.1:{https}"
        tls: {{cert_file: {certificate}, key_file: {key}, min_version: "1.3"}}
exporters:
  file: {{path: {received}, flush_interval: 100ms}}
service:
  telemetry:
    metrics: {{level: none}}
  pipelines:
    traces: {{receivers: [otlp, otlp/tls], exporters: [file]}}
"""


class OpenTelemetry:
    """The collector with a receiver for each scheme, and a file of what both received."""

    def __init__(self, program, folder):
        self.received = folder / "received.ndjson"
        http, https = free_ports(1), free_ports(1)
        self.http, self.https = f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}"
        self.authority, key = certificate(folder)
        settings = folder / "collector.yaml"
        settings.write_text(
            SETTINGS.format(
                http=http, https=https, certificate=self.authority, key=key, received=self.received
            )
        )
        log = open(folder / "collector.log", "wb")
        self.process = subprocess.Popen([program, "--config", settings], stdout=log, stderr=log)
        self.process.log = log.name

    def documents(self):
        """Requests that it wrote to the end, as it encodes them anew."""
        whole = self.received.read_text().rpartition("\n")[0] if self.received.exists() else ""
        return [json.loads(line) for line in whole.splitlines()]

    def named(self, name):
        return [
            span
            for document in self.documents()
            for span in spans_of(document)
            if span["name"] == name
        ]


@pytest.fixture
def collector(tmp_path):
    made = OpenTelemetry(tool("collector.sh"), tmp_path)
    try:
        eventually(lambda: "Everything is ready" in messages(made.process), 30, made.process)
        yield made
    finally:
        made.process.terminate()
        made.process.wait()


def header(offset):
    span = CAME_FROM.get(offset)
    return [("traceparent", f"00-{TRACE}-{span}-01".encode())] if span else []


def records(sound):
    """Sound bills, of which two bills that are none follow the third."""
    # One text for all: to encode each would take longer than the test.
    [(key, text)] = bills("water_bill", 1)
    account, sequence = b"5001000000", b'"seq": 1,'
    assert text.count(account) == text.count(sequence) == 1
    before, after = text.split(account)
    assert sequence in before, "the envelope precedes the row"
    before = before.replace(sequence, b'"seq": %d,')
    made = [(key, b"%s5001%06d%s" % (before % (i + 1), i, after)) for i in range(sound)]
    return made[:3] + nonsense(2) + made[3:]


def total(spans, attribute):
    return sum(values(span)[attribute] for span in spans)


def held_against_the_records(collector, landings, sound):
    """What it says of so many bills and two records that are none."""
    for document in collector.documents():
        for resource in document["resourceSpans"]:
            about = values(resource["resource"])
            assert re.fullmatch(r"\d+\.\d+\.\d+", about.pop("service.version"))
            assert about == {"service.name": "huiliu"}
            assert [scope["scope"]["name"] for scope in resource["scopeSpans"]] == ["huiliu"]
    assert total(landings, "huiliu.offsets") == sound + 2
    assert total(landings, "huiliu.rows") == sound
    assert total(landings, "huiliu.rejected") == 2
    for span in landings:
        said = values(span)
        assert said["messaging.system"] == "kafka"
        assert said["messaging.destination.name"] == WATER
        assert said["huiliu.dataset"] == "water_bill"
        assert said["huiliu.table_version"] > 0 and said["huiliu.file_bytes"] > 0
        assert (span["kind"], span["status"]) == (5, {"code": 1}), "a consumer that had no error"
        began, ended = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        assert 1_500_000_000 * 10**9 < began <= ended
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and not span.get("parentSpanId")
    came_from = sorted(at(link) for span in landings for link in span.get("links", []))
    assert came_from == [(TRACE, span) for span in CAME_FROM.values()]


def at(span_or_link):
    return span_or_link["traceId"], span_or_link["spanId"]


def links(spans):
    return {at(link) for span in spans for link in span.get("links", [])}


def test_it_receives_landings_folds_and_refreshes_with_their_links(
    broker, topics, huiliu, collector
):
    broker.create(topics)
    huiliu.settle(commit_every="1s")
    publish(broker, records(FOLDED), header)
    process, port = huiliu.start_served(broker, "--otlp", collector.http)

    def refreshes():
        """Those of the table that saw the bills."""
        made = [span for span in collector.named("refresh") if span.get("links")]
        return [span for span in made if values(span)["huiliu.table"] == TABLE]

    eventually(lambda: collector.named("fold") and refreshes(), 60, process)
    assert 'huiliu_otlp_spans_total{outcome="refused"} 0\n' in get(port, "/metrics")[1]
    assert drain(process) == 0, messages(process)
    landings, folds = collector.named("land"), collector.named("fold")
    held_against_the_records(collector, landings, FOLDED)
    assert links(folds) == {at(span) for span in landings}
    assert total(folds, "huiliu.changes") == total(folds, "huiliu.applied") == FOLDED
    assert {values(span)["huiliu.dataset"] for span in folds} == {"water_bill"}
    for span in refreshes():
        assert set(map(at, span["links"])) <= {at(landing) for landing in landings}
        assert values(span)["huiliu.way"] in ("full", "incremental")
    for span in folds + collector.named("refresh"):
        assert (span["kind"], span["status"]) == (1, {"code": 1}), "internal, without an error"


def test_it_receives_over_tls_with_a_certificate_of_its_own(broker, topics, huiliu, collector):
    broker.create(topics)
    publish(broker, records(18), header)
    huiliu.environment |= {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(collector.authority)}
    done = huiliu.run_once(broker, "--otlp", collector.https)
    assert b"does not take them" not in done.stderr

    def landed():
        return total(collector.named("land"), "huiliu.offsets")

    # It writes a moment after it has answered.
    eventually(lambda: landed() >= 20, 10, collector.process)
    held_against_the_records(collector, collector.named("land"), 18)
