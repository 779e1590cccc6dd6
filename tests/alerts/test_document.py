"""docs/alerts.md says what the pack holds; that it is the generated one is asked in tests/test_generated.py."""

import re

from alerts.document import PATH, render
from alerts.groups import every_alert
from alerts.routes import ADDRESSES, ROUTES, inhibitions
from e2e.tools import ROOT


def test_every_alert_is_in_its_table_once() -> None:
    """With a link to its runbook that leads somewhere."""
    links = re.findall(r"^\| \[(\w+)\]\(([^)]+)\)", render()[PATH], re.MULTILINE)
    assert sorted(name for name, _ in links) == sorted(alert.name for alert in every_alert())
    assert [link for _, link in links if not (ROOT / "docs" / link).is_file()] == []


def test_every_route_rule_and_address_is_told() -> None:
    """Who reads the document sees the policy whole."""
    text = render()[PATH].replace("\\|", "|")
    matchers = {str(one) for rule in inhibitions() for one in (*rule.source, *rule.target)}
    told = {*matchers, *(str(one) for route in ROUTES for one in route.matchers), *ADDRESSES.values()}
    assert [one for one in sorted(told) if f"`{one}`" not in text] == []
