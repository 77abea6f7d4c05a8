"""A headless browser that tests drive over its own pipe: JSON messages, each ended by a zero byte; no driver, no port."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found():
    """Path of an installed browser, None without one."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Chromium:
    """One tab. `events` are those of the network, the log and the page since it was opened."""

    def __init__(self, folder):
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        # the browser reads its file descriptor 3 and writes 4
        self._process = subprocess.Popen(
            [
                "/bin/bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "bash", found(), "--headless", "--no-sandbox", "--disable-gpu",
                "--disable-background-networking", "--no-first-run", f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe",
            ],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._rest, self._number, self._session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        self.downloads = folder / "downloads"
        self.call(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(self.downloads),
            eventsEnabled=True,
        )
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **arguments):
        """The browser's answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": arguments}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def wait(self, method):
        """Read until an event has come."""
        while not any(event["method"] == method for event in self.events):
            self.next()

    def open(self, path):
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self.wait("Page.loadEventFired")

    def run(self, script):
        """Value of an expression on the page."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, *keys):
        """Keys as a person presses them."""
        for key in keys:
            text = {"Enter": "\r", " ": " "}.get(key)
            down = {"type": "keyDown", "key": key, "code": {" ": "Space"}.get(key, key)}
            code = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39,
                    "ArrowDown": 40}[key]  # fmt: skip
            self.call(
                "Input.dispatchKeyEvent",
                windowsVirtualKeyCode=code,
                **down,
                **({"text": text} if text else {}),
            )
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def close(self):
        os.close(self._write)
        self._process.wait(timeout=20)
        os.close(self._read)

    def next(self):
        """The next message: an answer, or an event, which is kept."""
        while b"\0" not in self._rest:
            part = os.read(self._read, 1 << 16)
            assert part, "the browser ended"
            self._rest += part
        line, self._rest = self._rest.split(b"\0", 1)
        message = json.loads(line)
        if "method" in message:
            self.events.append(message)
        return message


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """One tab of an installed browser; its downloads land in `browser.downloads`."""
    if found() is None:
        pytest.skip(f"no browser is installed: none of {', '.join(NAMES)}")
    tab = Chromium(tmp_path_factory.mktemp("browser"))
    yield tab
    tab.close()
