"""What the tests of monitoring share: the files in deploy/, and HTTP."""

import json
import re
import urllib.error
import urllib.request

from binaries import SOURCE

DEPLOY = SOURCE / "deploy"
ALERTS = DEPLOY / "prometheus/alerts.yml"


def get(port, path):
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def expressions():
    """Every query of the alert rules and of the dashboard."""
    text = ALERTS.read_text()
    yield from re.findall(r"^ +expr: (?!\|)(.+)$", text, re.MULTILINE)
    yield from re.findall(r"^ +expr: \|\n((?: {10,}.+\n)+)", text, re.MULTILINE)
    for panel in json.loads((DEPLOY / "grafana/dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
