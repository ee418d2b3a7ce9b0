"""A real headless Chromium, driven by its DevTools protocol over a pipe: no package, no port."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE = 60.0  # seconds


class Browser:
    """One page of a browser: loads, runs scripts, clicks, takes pictures, and keeps complaints."""

    def __init__(self, profile):
        there, back = os.pipe(), os.pipe()
        shell = f'exec "$0" "$@" 3<&{there[0]} 4>&{back[1]}'
        command = ["bash", "-c", shell, CHROMIUM, *FLAGS, f"--user-data-dir={profile}"]
        self.process = subprocess.Popen(
            command,
            pass_fds=(there[0], back[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(there[0])
        os.close(back[1])
        self.to, self.of = there[1], back[0]
        self.waiting, self.number, self.session = b"", 0, None
        self.events, self.complaints, self.requests = [], [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        with contextlib.suppress(OSError):
            os.close(self.to)
            os.close(self.of)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while (found := self._read()).get("id") != self.number:
            self._note(found)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        return found["result"]

    def _read(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.waiting:
            if not select.select([self.of], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError("the browser says nothing")
            if not (more := os.read(self.of, 1 << 16)):
                raise RuntimeError("the browser is gone")
            self.waiting += more
        text, _, self.waiting = self.waiting.partition(b"\0")
        return json.loads(text)

    def _note(self, message):
        name, about = message.get("method"), message.get("params", {})
        self.events.append(name)
        if name in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.complaints.append(about)
        if name == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])

    def open(self, address):
        """Load an address afresh and wait until it is there."""
        for one in ("about:blank", address):  # where only what follows # differs, nothing is loaded
            self.events.clear()
            self.call("Page.navigate", url=one)
            while "Page.loadEventFired" not in self.events:
                self._note(self._read())

    def run(self, script):
        """Value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def press(self, key, code=0):
        """Press and let go of a key."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **text,
            )

    def click(self, selector):
        """Click with the mouse on the first element of a selector, scrolled into view."""
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView"
            "({block: 'center', inline: 'center'}); const r = e.getBoundingClientRect(); "
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def view(self, width, height, *, phone=False, dark=False):
        """Set the window's size, and what the system prefers."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path=None):
        """PNG of the window."""
        png = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            path.write_bytes(png)
        return png
