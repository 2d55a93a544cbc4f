"""The page of the HTTP port, in a real browser: what it shows, how it is used, and what it must not do."""

import hashlib
import json
import pathlib
import re
import tempfile
import unittest
import urllib.request

from binaries import Server
from browser import CHROMEDRIVER, CHROMIUM, ENTER, TAB, Browser

POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'")
BLAME = "a dull, lifeless mess without one good idea"


@unittest.skipIf(CHROMIUM is None or CHROMEDRIVER is None, "not run: there is no chromium with its chromedriver here")
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        (directory / "credentials").write_text("".join(f"{name} {role} {hashlib.sha256(f'{name}-secret'.encode()).hexdigest()}\n"
                                                       for name, role in (("reader", "metadata"), ("admin", "admin"))))
        (directory / "config.textproto").write_text(f'access {{ credentials_file: "{directory}/credentials" anonymous_role: "inference" }}')
        cls.server = cls.enterClassContext(Server("--config", directory / "config.textproto", profiles="baseline,quantized"))
        cls.url = f"http://127.0.0.1:{cls.server.http_port}/"
        cls.browser = cls.enterClassContext(Browser())

    def setUp(self):
        self.browser.command("Emulation.setDeviceMetricsOverride", width=1200, height=900, deviceScaleFactor=1, mobile=False)
        self.browser.open(self.url)
        self.browser.wait_for(lambda: "READY" in self.browser.text("#profiles"))

    def tearDown(self):
        self.assertEqual(self.browser.console(), [])
        self.assertEqual(self.browser.text("#problem"), "")

    def rows(self, table):
        """Of what a table shows, by the first cell's first line."""
        cells = self.browser.script("return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
                                    ".map(row => [...row.children].map(cell => cell.innerText))", table)
        return {row[0].splitlines()[0]: row[1:] for row in cells}

    def tile(self, name):
        return self.browser.script("return [...document.querySelectorAll('.tile')].find(tile => tile.querySelector('dt').textContent"
                                   " === arguments[0]).querySelector('.value span').textContent", name)

    def test_profiles_are_as_the_server_lists_them(self):
        listed = json.loads(self.server.client("profiles", "--json").stdout)
        rows = self.rows("#profile-table")
        self.assertEqual(list(rows), [profile["name"] for profile in listed["profiles"]])
        for profile in listed["profiles"][:2]:
            state, agreement, accuracy, tokens_per_second, weights, default = rows[profile["name"]]
            self.assertEqual((state, agreement, accuracy),
                             ("READY", f"{100 * profile['agreement']:.2f} %", f"{100 * profile['accuracy']:.2f} %"))
            self.assertEqual(tokens_per_second, f"{profile['expected_tokens_per_second']:,.0f}")
            self.assertEqual(weights, f"{int(profile['weight_bytes']) / 2**20:.1f} MiB")
            self.assertEqual(default, "the default" if profile["is_default"] else "Make default")
        self.assertRegex(rows["pruned"][0], r"^UNLOADED\nit was not asked for")
        self.assertIn("demo-sst2", self.browser.text("#model"))

    def test_a_text_is_classified_by_all_profiles_with_the_keyboard_alone(self):
        self.browser.press(TAB + ENTER)  # the link that skips to the box
        self.browser.press(TAB)
        self.assertEqual(self.browser.script("return document.activeElement.id"), "text")
        self.browser.script("arguments[0] && document.activeElement.select()", True)
        self.browser.press(BLAME)
        self.browser.press(TAB + TAB)
        self.assertEqual(self.browser.script("const shown = getComputedStyle(document.activeElement);"
                                             "return [document.activeElement.textContent, shown.outlineStyle, shown.outlineWidth]"),
                         ["Classify", "solid", "3px"])
        self.browser.press(ENTER)
        rows = self.browser.wait_for(lambda: self.rows("#comparison"))
        self.assertEqual(list(rows), ["baseline", "quantized"])
        for label, score, milliseconds, ratio in rows.values():
            self.assertEqual(label, "negative")
            self.assertGreater(float(score), 0.9)
            self.assertGreater(float(milliseconds), 0)
            self.assertGreater(float(ratio), 0)
        self.assertIn("baseline: negative; quantized: negative", self.browser.text("#status"))

    def test_figures_are_those_of_the_metrics(self):
        self.browser.wait_for(lambda: self.tile("Load") != "–")
        self.server.client("classify", *["good"] * 50)
        self.browser.wait_for(lambda: self.tile("Latency, median") != "–")
        self.assertGreater(float(self.tile("Latency, p99")), 0)
        self.browser.wait_for(lambda: self.browser.script(
            "return [...document.querySelectorAll('.spark polyline')].every(line => line.points.length > 1)"))
        self.assertRegex(self.browser.text("footer"), r"version \d+\.\d+\.\d+, \w+, \w+")

    def test_rates_and_quantiles_come_from_differences(self):
        page = ('# HELP x A help.\nroberta_items_total{outcome="answered",profile="a"} 5\n'
                'roberta_items_total{outcome="answered",profile="b,\\"}"} 1e1\nroberta_items_total{outcome="failed",profile="a"} 7\n'
                'roberta_requests_total{code="OK",method="Classify"} 3\nroberta_requests_total{code="OK",method="ListProfiles"} 3\n'
                'roberta_requests_total{code="INTERNAL",method="Compare"} 2\nroberta_load_ratio 0.5\n')
        buckets = "".join(f'roberta_request_duration_seconds_bucket{{method="Classify",profile="a",le="{bound}"}} %d\n'
                          for bound in ("0.1", "0.2", "+Inf"))
        sample, *quantiles = self.browser.script(
            "const [page, before, now] = arguments; return import('/page.js').then(({readSample, quantile}) => {"
            "  const [a, b] = [readSample(before, 1), readSample(now, 2)];"
            "  return [readSample(page, 1), ...[0.25, 0.5, 1].map(q => quantile(a, b, q)), quantile(a, a, 0.5) ?? null]; })",
            page, buckets % (10, 20, 20), buckets % (12, 24, 25))
        self.assertEqual({key: sample[key] for key in ("items", "calls", "refused", "load")},
                         {"items": 15, "calls": 5, "refused": 2, "load": 0.5})
        self.assertAlmostEqual(quantiles[0], 0.0625)  # 1.25 of the 2 calls below 0.1
        self.assertAlmostEqual(quantiles[1], 0.125)   # half a call of the 2 between 0.1 and 0.2
        self.assertEqual(quantiles[2:], [0.2, None])  # above the last bound; no calls

    def test_what_a_role_does_not_allow_is_said_and_a_token_is_kept_by_the_tab_alone(self):
        def refused(words):
            self.browser.click("button[data-profile=quantized]")
            self.browser.wait_for(lambda: words in self.browser.text("#problem"))
            self.assertEqual(self.browser.script("return document.activeElement.dataset.profile"), "quantized")

        def use(token):
            self.browser.type("#token", token + ENTER)
            self.browser.wait_for(lambda: "token is used" in self.browser.text("#status") and self.browser.text("#problem") == "")

        self.browser.click("#access summary")
        refused("The server asks for a token: enter one under Access (401: ")
        use("reader-secret")
        refused("This needs a role that you do not have (403: ")
        self.browser.click("#try-form button")
        self.browser.wait_for(lambda: self.browser.text("#problem").count("(403: ") == 2)
        self.browser.type("#token", "guessed" + ENTER)
        self.browser.wait_for(lambda: "The server does not know this token (401: " in self.browser.text("#problem"))
        use("admin-secret")
        self.browser.open(self.url)  # the tab still has it
        self.browser.wait_for(lambda: "READY" in self.browser.text("#profiles"))
        self.change_default("quantized")
        self.change_default("baseline")
        self.assertEqual(self.browser.script("return [localStorage.length, document.cookie, document.body.innerHTML.includes('secret')]"),
                         [0, "", False])
        self.browser.click("#access summary")
        self.browser.click("#forget")
        self.assertEqual(self.browser.script("return sessionStorage.length"), 0)
        refused("The server asks for a token")
        self.browser.open(self.url)
        self.assertTrue(all(re.search(r"status of 40[13] ", entry["message"]) for entry in self.browser.console()))

    def change_default(self, name):
        self.browser.script("document.querySelector(arguments[0]).focus()", f"button[data-profile={name}]")
        self.browser.press(ENTER)
        self.browser.wait_for(lambda: self.rows("#profile-table")[name][-1] == "the default")
        self.assertEqual(json.loads(self.server.client("profiles", "--json").stdout)["default_profile"], name)
        self.assertIn(f"{name} is the default now", self.browser.text("#status"))
        self.browser.wait_for(lambda: self.browser.script("return document.activeElement.id") == "profiles-heading")

    def test_a_server_that_is_away_is_said_and_forgotten_when_it_is_back(self):
        def offline(is_offline):
            self.browser.command("Network.emulateNetworkConditions", offline=is_offline, latency=0, downloadThroughput=-1,
                                 uploadThroughput=-1)

        self.browser.command("Network.enable")
        offline(True)
        self.browser.wait_for(lambda: self.browser.text("#problem") == "The server does not answer.")
        offline(False)
        self.browser.wait_for(lambda: self.browser.text("#problem") == "")
        self.assertTrue(all("ERR_INTERNET_DISCONNECTED" in entry["message"] for entry in self.browser.console()))

    def test_it_fits_a_phone_and_is_readable_in_both_schemes(self):
        self.browser.click("#try-form button")
        self.browser.wait_for(lambda: self.rows("#comparison"))
        self.browser.command("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
        self.assertLessEqual(self.browser.script("return document.documentElement.scrollWidth"), 360)
        backs = set()
        for scheme in ("light", "dark"):
            self.browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            shown = self.browser.script(
                "const back = element => { for (; element; element = element.parentElement) {"
                "    const color = getComputedStyle(element).backgroundColor; if (color !== 'rgba(0, 0, 0, 0)') return color; } };"
                "return ['p', 'h2', 'td', 'caption', '.note', '.READY', '.UNLOADED', 'summary', 'button.primary', 'td button', 'textarea']"
                "    .map(selector => document.querySelector(selector))"
                "    .map(element => [element.tagName + '.' + element.className, getComputedStyle(element).color, back(element)])")
            for name, ink, back in shown:
                self.assertGreater(contrast(ink, back), 4.5, f"{scheme} {name}: {ink} on {back}")
            backs.add(shown[0][2])
        self.assertEqual(len(backs), 2)
        self.browser.command("Emulation.setEmulatedMedia", features=[])

    def test_everything_has_a_name_for_those_who_cannot_see_it(self):
        self.browser.script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        self.browser.command("Accessibility.enable")
        nodes = self.browser.command("Accessibility.getFullAXTree")["nodes"]
        named = {}
        for node in nodes:
            if not node["ignored"]:
                named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
        self.assertIn("Make quantized the default", named["button"])
        self.assertEqual(sorted(named["textbox"]), ["Bearer token", "Second text", "Text"])
        for role in ("button", "textbox", "link", "region", "columnheader", "rowheader"):
            self.assertGreater(len(named[role]), 0)
            self.assertNotIn("", named[role], role)

    def test_without_scripts_it_says_what_it_needs(self):
        self.browser.command("Emulation.setScriptExecutionDisabled", value=True)
        self.browser.open(self.url)
        try:
            self.assertIn("This page needs JavaScript", self.browser.text("noscript"))
        finally:
            self.browser.command("Emulation.setScriptExecutionDisabled", value=False)

    def test_nothing_comes_from_elsewhere_and_nothing_may(self):
        names = self.browser.script("return performance.getEntriesByType('resource').map(entry => entry.name)")
        self.assertIn(self.url + "page.js", names)
        self.assertEqual([name for name in names if not name.startswith((self.url, "data:"))], [])
        files = {}
        for name in ("", "page.css", "page.js"):
            with urllib.request.urlopen(self.url + name, timeout=60) as response:
                self.assertEqual(response.headers["Content-Security-Policy"], POLICY)
                self.assertEqual(response.headers["X-Content-Type-Options"], "nosniff")
                files[name] = response.headers.get_content_type(), response.read().decode()
        self.assertEqual([kind for kind, _ in files.values()], ["text/html", "text/css", "text/javascript"])
        self.assertNotRegex(files["page.js"][1], r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function")


def contrast(ink, back):
    """Of two colors as CSS computes them, by WCAG 2."""
    def luminance(color):
        channels = [int(one) / 255 for one in re.findall(r"\d+", color)[:3]]
        red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(ink), luminance(back)))
    return (high + 0.05) / (low + 0.05)


if __name__ == "__main__":
    unittest.main()
