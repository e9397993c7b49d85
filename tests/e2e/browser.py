"""A headless Chromium: what it makes of a page, and how the page looks."""

import subprocess

# Enough for scripts that poll every five seconds; virtual, so nobody waits for it.
VIRTUAL_MS = 12_000


class Browser:
    def __init__(self, path, folder):
        self.path = path
        self.folder = folder

    def dom(self, url, *flags):
        """The document after scripts have run, and what the console said."""
        done = self._run(url, "--dump-dom", *flags)
        told = [line for line in done.stderr.decode().splitlines() if "CONSOLE" in line]
        return done.stdout.decode(), told

    def picture(self, url, name, width, height, *flags):
        path = self.folder / f"{name}.png"
        self._run(url, f"--screenshot={path}", f"--window-size={width},{height}", *flags)
        assert path.stat().st_size > 5_000, f"{path} shows nothing"
        return path

    def _run(self, url, *flags):
        return subprocess.run(
            [
                self.path, "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-proxy-server",
                "--enable-logging=stderr", f"--user-data-dir={self.folder}/profile",
                f"--virtual-time-budget={VIRTUAL_MS}", *flags, url,
            ],
            capture_output=True, timeout=60, check=True,
        )  # fmt: skip
