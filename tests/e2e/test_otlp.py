"""Spans of batches at a collector, with links to the spans that records name in their headers."""

import http.server
import json
import re
import ssl
import subprocess
import threading

import pytest
from confluent_kafka import Producer

from program import drain, eventually, get, messages
from test_breaker import WATER, bills

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def certificate(folder):
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    made, key = folder / "collector.pem", folder / "collector-key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=collector", "-addext", "subjectAltName=IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


class Collector:
    """Takes what is posted, or refuses it; over TLS where there is a folder for a certificate."""

    def __init__(self, folder=None):
        self.posted = []
        self.headers = []
        self.answer = 200
        self.refusals = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.headers.append(dict(self.headers))
                answer = outer.answer
                if outer.refusals:
                    outer.refusals -= 1
                    answer = 503
                if answer == 200:
                    outer.posted.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(answer)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if folder:
            scheme = "https"
            self.authority, key = certificate(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.authority, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self):
        return [span for _, _, document in self.posted for span in spans_of(document)]


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.server.shutdown()


def spans_of(document):
    return [
        span
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def values(span):
    """Attributes by name; numbers are texts on the wire."""
    found = {}
    for attribute in span["attributes"]:
        [(kind, value)] = attribute["value"].items()
        found[attribute["key"]] = int(value) if kind == "intValue" else value
    return found


def publish(broker, records, header):
    producer = Producer(
        {
            "bootstrap.servers": broker.servers,
            "compression.type": "lz4",
            "queue.buffering.max.messages": len(records),
        }
    )
    for number, (key, value) in enumerate(records):
        producer.produce(WATER, key=key, value=value, headers=header(number))
    assert producer.flush(30) == 0


def test_every_batch_has_a_span_that_links_to_those_of_its_records(
    broker, topics, huiliu, collector
):
    broker.create(topics)
    spans = {0: "00f067aa0ba902b7", 7: "00f067aa0ba902b8"}

    def header(number):
        if number in spans:
            return [("other", b"x"), ("traceparent", f"00-{TRACE}-{spans[number]}-01".encode())]
        return [("traceparent", b"nonsense")] if number == 3 else []

    publish(broker, bills("water_bill", 50), header)
    huiliu.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    huiliu.run_once(broker)
    path, kind, document = collector.posted[0]
    assert (path, kind) == ("/v1/traces", "application/json")
    about = document["resourceSpans"][0]["resource"]["attributes"]
    assert {"key": "service.name", "value": {"stringValue": "huiliu"}} in about
    told = [span for span in collector.spans() if span["name"] == "land"]
    assert sum(values(span)["huiliu.offsets"] for span in told) == 50
    assert sum(values(span)["huiliu.rows"] for span in told) == 50
    for span in told:
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and span["traceId"] != TRACE
        assert re.fullmatch("[0-9a-f]{16}", span["spanId"])
        began, ended = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        assert 1_500_000_000 * 10**9 < began <= ended
        assert values(span)["huiliu.dataset"] == "water_bill"
        assert values(span)["messaging.destination.name"] == WATER
        assert span["status"] == {"code": 1}
    assert len({span["spanId"] for span in told}) == len(told)
    links = sorted(link["spanId"] for span in told for link in span["links"])
    assert links == sorted(spans.values()), "each once, and nonsense is no link"
    assert {link["traceId"] for span in told for link in span["links"]} == {TRACE}


def test_a_collector_that_refuses_or_is_gone_holds_nothing_up(broker, topics, huiliu, collector):
    broker.create(topics)
    broker.publish(WATER, bills("water_bill", 20))
    collector.answer = 503
    process, port = huiliu.start_served(broker, "--no-refresh", "--otlp", collector.url)

    def counted(outcome):
        name = f'huiliu_otlp_spans_total{{outcome="{outcome}"}}'
        return int(re.search(rf"^{re.escape(name)} (\d+)$", get(port, "/metrics")[1], re.M)[1])

    eventually(lambda: counted("refused") > 0, 60, process)
    assert "it answers 503" in messages(process)
    collector.answer = 200
    broker.publish(WATER, bills("water_bill", 20, 20))
    eventually(lambda: counted("sent") > 0, 60, process)
    collector.server.server_close()
    broker.publish(WATER, bills("water_bill", 20, 40))
    durable = f'huiliu_source_durable_offset{{kafka_topic="{WATER}",partition="0"}} 60\n'
    eventually(lambda: durable in get(port, "/metrics")[1], 60, process)
    assert drain(process) == 0, messages(process)
    rows = huiliu.query("SELECT count(*) AS n FROM current.water_bill")
    assert [int(row["n"]) for row in rows] == [60]


def test_spans_go_over_tls_with_headers_and_link_from_change_to_table(
    broker, topics, huiliu, tmp_path
):
    broker.create(topics)
    collector = Collector(tmp_path)
    # A collector that is busy is asked again.
    collector.refusals = 1
    huiliu.environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(collector.authority),
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc,x-city=101",
    }
    process, port = huiliu.start_served(broker)
    try:
        broker.publish(WATER, bills("water_bill", 50))

        def named(name):
            return [span for span in collector.spans() if span["name"] == name]

        def refreshed():
            return [span for span in named("refresh") if span["links"]]

        eventually(lambda: named("land") and refreshed(), 120, process)
        landed = {span["spanId"]: span for span in named("land")}
        for span in refreshed():
            assert {link["spanId"] for link in span["links"]} <= set(landed)
            assert re.fullmatch(r"\w+\.\w+", values(span)["huiliu.table"])
            assert span["kind"] == 1 and values(span)["huiliu.way"] in ("full", "incremental")
        for headers in collector.headers:
            assert headers["authorization"] == "Bearer abc" and headers["x-city"] == "101"
        text = get(port, "/metrics")[1]
        assert 'huiliu_otlp_spans_total{outcome="refused"} 0\n' in text, "it was asked again"
        assert collector.refusals == 0
        assert "Bearer" not in messages(process, 1_000_000)
        assert drain(process) == 0, messages(process)
    finally:
        collector.server.shutdown()


def test_a_collector_whose_certificate_is_not_trusted_gets_nothing(
    broker, topics, huiliu, tmp_path
):
    broker.create(topics)
    broker.publish(WATER, bills("water_bill", 5))
    collector = Collector(tmp_path)
    huiliu.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    done = huiliu.run_once(broker)
    assert collector.posted == [] and b"does not take them" in done.stderr
    collector.server.shutdown()


def test_what_cannot_be_used_is_refused_at_once(huiliu):
    done = huiliu.run("run", "--once", "--otlp", "ftp://collector:4318", expect=2)
    assert b"not an http:// or https:// URL" in done.stderr
    huiliu.environment |= {"OTEL_EXPORTER_OTLP_HEADERS": "password"}
    done = huiliu.run(
        "run", "--once", "--otlp", "http://127.0.0.1:1", "--bootstrap-servers", "127.0.0.1:1",
        "--lake", huiliu.lake, "--protection", "plain", expect=78,
    )  # fmt: skip
    assert b"OTEL_EXPORTER_OTLP_HEADERS" in done.stderr
