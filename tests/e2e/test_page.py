"""The status page in a real browser: both languages, desktop and phone, hostile text, polling."""

import html.parser
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import urllib.request

import pytest

from browser import Browser
from conftest import missing
from places import REPOSITORY, kafka_topics
from program import Huiliu, drain, eventually, get, messages
from test_breaker import GAS, WATER, bills, nonsense

HOSTILE = "供水</td><script>document.title='owned'</script><img src=x onerror='owned()'>"
PHONE, DESKTOP = (390, 2_400), (1_280, 1_500)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    folder = os.environ.get("HUILIU_SCREENSHOTS") or tmp_path_factory.mktemp("pictures")
    script = REPOSITORY / "ops" / "setup" / "chromium.sh"
    done = subprocess.run([script], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        missing(f"no Chromium: {done.stderr[-300:]}")
    return Browser(done.stdout.strip(), pathlib.Path(folder))


@pytest.fixture(scope="module")
def served(broker, binary, tmp_path_factory):
    """A process with a stopped dataset, one that flows, and a title that wants to be a script."""
    broker.delete_all()
    broker.create(kafka_topics())
    directory = tmp_path_factory.mktemp("page")
    huiliu = Huiliu(binary, directory / "work", str(directory / "lake"))
    pipelines = directory / "pipelines"
    shutil.copytree(REPOSITORY / "pipelines", pipelines)
    path = pipelines / "feed" / "water_bill.yaml"
    text, count = re.subn("(?m)^title: .*$", f'title: "{HOSTILE}"', path.read_text())
    assert count == 1
    path.write_text(text)
    huiliu.point_at(pipelines, REPOSITORY / "sql")
    broker.publish(WATER, bills("water_bill", 1_200) + nonsense(1_000))
    broker.publish(GAS, bills("gas_bill", 700))
    process, port = huiliu.start_served(broker)

    def settled():
        status = json.loads(get(port, "/statusz")[1])
        flowing = [d for d in status["datasets"] if d["dataset"] == "gas_bill"]
        fresh = [t for t in status["subjects"] if t["standing"] == "fresh"]
        return (
            [i["what"] for i in status["incidents"]] == ["water_bill"]
            and flowing and flowing[0]["changes_rows"] == 700
            and len(fresh) == len(status["subjects"]) > 20
        )  # fmt: skip

    eventually(settled, 180, process)
    yield f"http://127.0.0.1:{port}/", json.loads(get(port, "/statusz")[1])
    assert drain(process) == 0, messages(process)
    huiliu.kill_all()


class Seen(html.parser.HTMLParser):
    """Text of a document, without scripts and styles, and the names of its elements."""

    def __init__(self, document):
        super().__init__()
        self.elements, self.texts, self.inside = [], [], []
        self.feed(document)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, _):
        self.elements.append(tag)
        self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self.inside):
            self.texts.append(data)


def test_the_document_has_a_version_and_names_what_resolves_an_incident(served):
    _, status = served
    assert status["format_version"] == "1.0"
    assert status["partitions"] == 48
    [incident] = status["incidents"]
    assert incident["command"].startswith("huiliu incidents resolve water_bill")
    gas = next(d for d in status["datasets"] if d["dataset"] == "gas_bill")
    assert (gas["lag_records"], gas["waiting_seconds"], gas["standing"]) == (0, 0, "fresh")
    assert 0 < gas["pass_rate_raw"] <= gas["pass_rate_repaired"] <= 1
    declared = (REPOSITORY / "pipelines" / "feed" / "gas_bill.yaml").read_text()
    warn, page = re.search(r"warn_after: (\d+)m, page_after: (\d+)m", declared).groups()
    promised = gas["warn_after_seconds"], gas["page_after_seconds"]
    assert promised == (60 * int(warn), 60 * int(page))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ["运行状态", "待处理事件", "已停止", "专题表", "未就绪", "合格率"]),
        ("en", ["status", "Incidents", "stopped", "Subject tables", "Not ready", "pass rate"]),
    ],
)
def test_the_page_is_read_in_both_languages_and_widths(served, browser, language, words):
    url, status = served
    document, console = browser.dom(f"{url}?lang={language}")
    assert console == [], "the policy refuses nothing of our own, and no script fails"
    seen = Seen(document)
    for word in words + ["water_bill", "gas_bill", status["incidents"][0]["command"]]:
        assert word in seen.text, word
    assert HOSTILE in seen.text, "shown as it is"
    assert seen.elements.count("script") == 1 and "img" not in seen.elements
    assert "<title>owned" not in document
    for name, (width, height) in {"desktop": DESKTOP, "phone": PHONE}.items():
        browser.picture(f"{url}?lang={language}", f"{language}-{name}", width, height)
    dark = "--blink-settings=preferredColorScheme=0"
    browser.picture(f"{url}?lang={language}", f"{language}-dark", *DESKTOP, dark)


def test_the_page_follows_accept_language_and_is_whole_without_scripts(served):
    url, _ = served
    request = urllib.request.Request(url, headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    with urllib.request.urlopen(request) as answer:
        document, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
    assert '<html lang="zh-CN">' in document and "gas_bill" in document
    assert '<noscript><meta http-equiv="refresh"' in document
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert not re.search(r"(src|href)=\"(https?:)?//", document), "nothing is fetched elsewhere"


def test_the_page_is_drawn_anew_by_its_script(served, browser):
    url, _ = served

    class Once(http.server.BaseHTTPRequestHandler):
        """Passes everything on; the first page seems to be an old one."""

        pages = 0

        def do_GET(self):
            with urllib.request.urlopen(url.rstrip("/") + self.path) as answer:
                body, headers = answer.read().decode(), answer.headers
            if self.path == "/":
                type(self).pages += 1
                if self.pages == 1:
                    body = re.sub('data-at="[^"]*">', 'data-at="once"><p>an old page</p>', body)
            body = body.encode()
            self.send_response(200)
            for name in ("Content-Type", "Content-Security-Policy"):
                if headers[name]:
                    self.send_header(name, headers[name])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Once)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    document, console = browser.dom(f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    assert console == []
    assert Once.pages >= 2 and "an old page" not in document and "gas_bill" in document
