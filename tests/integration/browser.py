"""A headless Chromium, driven over WebDriver (W3C) with the standard library."""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

CHROMIUM = shutil.which("chromium")
CHROMEDRIVER = shutil.which("chromedriver")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
              "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")
TAB, ENTER, SPACE = "\ue004", "\ue007", " "


class WebDriverError(Exception):
    pass


class Browser:
    """One tab. `script` runs JavaScript as an extension would: the page's Content-Security-Policy does not hold for it."""

    def __init__(self, *arguments):
        self._stack = contextlib.ExitStack()
        profile = self._stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self._driver = subprocess.Popen([CHROMEDRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        env={**os.environ, "no_proxy": "*"})
        self._stack.callback(self._stop)
        for line in self._driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                self._url = f"http://127.0.0.1:{found[1]}/session"
                break
        options = {"binary": CHROMIUM, "args": [*_ARGUMENTS, f"--user-data-dir={profile}", *arguments]}
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        try:
            session = self._ask("POST", "", {"capabilities": capabilities})
        except BaseException:
            self._stack.close()
            raise
        self._url += "/" + session["sessionId"]

    def _stop(self):
        self._driver.terminate()
        self._driver.wait(30)
        self._driver.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        with contextlib.suppress(WebDriverError):
            self._ask("DELETE", "")
        self._stack.close()

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(self._url + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise WebDriverError(json.load(error)["value"]["message"]) from None

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    def script(self, text, *arguments):
        """What `text` returns; it sees the arguments as arguments[0] and so on."""
        return self._ask("POST", "/execute/sync", {"script": text, "args": arguments})

    def element(self, selector):
        return self._ask("POST", "/element", {"using": "css selector", "value": selector})[_ELEMENT]

    def type(self, selector, keys):
        """As a user at a keyboard, into the element that `selector` finds."""
        self._ask("POST", f"/element/{self.element(selector)}/value", {"text": keys})

    def press(self, keys):
        """Keys for what has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def click(self, selector):
        self._ask("POST", f"/element/{self.element(selector)}/click", {})

    def text(self, selector):
        """What a user sees of the element."""
        return self._ask("GET", f"/element/{self.element(selector)}/text")

    def command(self, name, **parameters):
        """A command of the DevTools protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def console(self):
        """What the console has had since the last call: errors of scripts, of the Content-Security-Policy and of the network."""
        return self._ask("POST", "/se/log", {"type": "browser"})

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def wait_for(self, condition, timeout=60):
        """Polls until condition() is true, and returns what it is; fails after `timeout` seconds with what the page shows."""
        end = time.monotonic() + timeout
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError("this never came true; the page shows: " + self.text("body"))
            time.sleep(0.05)
