"""The commands of the README, as written: blocks of `sh` after the line `<!-- run -->`.

They run one after the other in the project's folder, as a reader would type them. Both languages
must show the same commands; the English ones are run.
"""

import re
import shutil
import subprocess

import pytest

from places import REPOSITORY

MARKED = re.compile(r"^<!-- run -->\n+```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(name):
    return MARKED.findall((REPOSITORY / name).read_text())


@pytest.fixture
def without_city(tmp_path):
    """The folder that the blocks make is not there, whoever has followed the README before, and
    afterwards theirs is back."""
    city, aside = REPOSITORY / "city", tmp_path / "city"
    if city.exists():
        shutil.move(city, aside)
    yield
    shutil.rmtree(city, ignore_errors=True)
    if aside.exists():
        shutil.move(aside, city)


@pytest.mark.usefixtures("without_city")
def test_the_blocks_of_the_readme_run_as_written(binary):
    found = blocks("README.md")
    assert found, "README.md marks no block with <!-- run -->"
    for block in found:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=REPOSITORY, capture_output=True,
            text=True, stdin=subprocess.DEVNULL, timeout=900,
        )  # fmt: skip
        if done.returncode:
            pytest.fail(f"{block}\nexit {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}")


def test_both_languages_show_the_same_commands():
    def commands(name):
        lines = "".join(blocks(name)).splitlines()
        return [re.sub(r"\s*#.*", "", line) for line in lines if line and line[0] != "#"]

    assert commands("README.md") == commands("README.zh-CN.md")
