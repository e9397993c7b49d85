"""Verbs that look at what happens now: a sample room by room, and the rates of a process."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from confluent_kafka.admin import AdminClient

from program import eventually, get

DATASET = "np_person"
# Columns of the dataset by hand, from its pipeline file: graded L4 and L3 with a mask of their own.
PERSONAL = ["citizen_id", "address", "name"]


def test_a_sample_shows_every_room_and_no_personal_value(huiliu, broker, topics, tmp_path):
    city = huiliu.run("generate", "--records", 3000, "--seed", 9, "--output", "ndjson").stdout
    sent = [json.loads(line) for line in city.splitlines()]
    values = [r["value"] for r in sent if r["dataset"] == DATASET and r["value"]]
    images = [value.get("after") or value.get("before") for value in values]
    held = {str(image[column]) for image in images for column in PERSONAL if image.get(column)}
    # Words that stand for nothing, such as `null`, are nobody's.
    secret = {value for value in held if len(value) > 2 and not value.isascii() or len(value) > 9}
    assert len(secret) > 20
    huiliu.generate(broker, 3000, 9)
    (tmp_path / "token").write_text("ab" * 32)
    (tmp_path / "encrypt").write_text("cd" * 16)
    settings = huiliu.directory / "huiliu.yaml"
    settings.write_text(settings.read_text() + (
        "keys:\n  id: k1\n"
        f"  token: {{secret: 'file:{tmp_path / 'token'}'}}\n"
        f"  encrypt: {{secret: 'file:{tmp_path / 'encrypt'}'}}\n"
    ))  # fmt: skip
    for protection in ["keys", "plain"]:
        done = huiliu.run(
            "tap", DATASET, "--limit", 40, "--protection", protection, "-o", "ndjson",
            "--lake", huiliu.lake, "--bootstrap-servers", broker.servers,
        )  # fmt: skip
        shown = [json.loads(line) for line in done.stdout.splitlines()]
        assert 0 < len(shown) <= 40
        assert {record["format_version"] for record in shown} == {"1.0"}
        text = done.stdout.decode()
        assert not [value for value in secret if value in text]
        rows = [row for record in shown for row in record["rows"]]
        cells = {c["column"]: c for row in rows for c in row["cells"] if c["stored"]}
        if protection == "keys":
            token = cells["citizen_id"]["stored"]
            assert len(token) == 64 and set(token) <= set("0123456789abcdef")
            assert cells["address"]["stored"].startswith("sealed ")
        else:
            assert "*" in cells["citizen_id"]["stored"]
        assert "*" in cells["citizen_id"]["decoded"] and "*" in cells["citizen_id"]["judged"]
    people = huiliu.run("tap", DATASET, "-n", 1, "--protection", "plain",
                        "--bootstrap-servers", broker.servers).stdout.decode()  # fmt: skip
    assert "decoded" in people and "judged" in people and "stored" in people
    # Nobody joined a group, and nothing was written.
    groups = AdminClient({"bootstrap.servers": broker.servers}).list_consumer_groups().result()
    assert "huiliu" not in {group.group_id for group in groups.valid}
    assert not (tmp_path / "lake").exists()


def watched(command, rows, columns, seconds=60):
    """What a program draws on a terminal of this size: frames from home to home, and all of it."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(0, termios.TIOCSWINSZ, size)
        os.execv(command[0], command)
    screen, deadline = b"", time.monotonic() + seconds
    while screen.count(b"\x1b[H") < 5 and (left := deadline - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            screen += os.read(terminal, 65_536)
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGINT
    os.close(terminal)
    # The last one may be cut short.
    return screen.decode().split("\x1b[H")[1:-1], screen


def test_the_rates_of_a_running_process(huiliu, broker, topics):
    huiliu.generate(broker, 2000, 4)
    process, port = huiliu.start_served(broker)
    eventually(lambda: "huiliu_source_records_received_total{" in get(port, "/metrics")[1], 60,
               process)  # fmt: skip
    asked = ["top", "--admin", f"127.0.0.1:{port}", "--every", 1]
    found = json.loads(huiliu.run(*asked, "-o", "json").stdout)
    assert found["format_version"] == "1.0" and 0.9 < found["seconds"] < 20
    assert len(found["datasets"]) > 20 and found["cpu_share"] >= 0
    assert {"decode", "land"} & set(found["stages_busy"]) or found["stages_busy"]
    text = huiliu.run(*asked).stdout.decode()
    assert "records/s" in text and "\x1b" not in text
    frames, screen = watched([huiliu.path, *map(str, asked)], 24, 80)
    assert len(frames) >= 3 and screen.count(b"\x1b[2J") == 1, "cleared once, then drawn over"
    for frame in frames:
        lines = [line.rstrip() for line in re.sub(r"\x1b\[[KJ]", "", frame).split("\r\n")]
        assert len(lines) <= 24 and max(map(len, lines)) <= 80, frame
        assert lines[0].startswith(f"127.0.0.1:{port}: ") and lines[1].startswith("busy: ")
        assert frame.endswith("\x1b[J"), "what was longer before is gone"
    gone = huiliu.run("top", "--admin", "127.0.0.1:1", "--once", expect=69)
    assert b"error[HUILIU-CLI-0001]: no huiliu answers at 127.0.0.1:1" in gone.stderr
