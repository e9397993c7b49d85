"""The crate's own tests that librdkafka's mock cannot carry: transactions, deleted records."""

import os
import re
import subprocess

from places import REPOSITORY


def test_what_the_mock_cannot_show(broker):
    done = subprocess.run(
        ["cargo", "test", "--release", "--locked", "--workspace", "--test", "real", "--", "--ignored"],
        cwd=REPOSITORY,
        env=os.environ | {"HUILIU_TEST_KAFKA": broker.servers},
        capture_output=True,
        text=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    passed = [int(count) for count in re.findall(r"test result: ok\. (\d+) passed", said)]
    assert passed == [3], said
