"""What the text of an alert looks up is of the alert's own cluster."""

import re

import pytest

from alerts.cluster_words import in_own_cluster
from alerts.groups import every_alert
from alerts.rule import Alert


def test_a_look_up_names_the_cluster_last() -> None:
    """After what it names already, so that the arguments stay in their order."""
    text = '{{ range printf `m{a="%s",b=~"|%s"} == 1` $labels.a $labels.b | query | sortByLabel `c` }}x{{ end }}'
    assert in_own_cluster(text) == (
        '{{ range printf `m{a="%s",b=~"|%s",cluster="%s"} == 1` $labels.a $labels.b $labels.cluster | query '
        "| sortByLabel `c` }}x{{ end }}"
    )


def test_two_selectors_are_refused() -> None:
    """The order in which they would be filled in is no longer that of the text."""
    with pytest.raises(ValueError, match="one selector"):
        in_own_cluster('{{ with printf `m{a="%s"} / n{a="%s"}` $labels.a $labels.a | query }}{{ end }}')


@pytest.mark.parametrize("alert", [pytest.param(alert, id=alert.name) for alert in every_alert()])
def test_no_look_up_is_missed(alert: Alert) -> None:
    """Each has as many places as arguments, and the cluster is one of them."""
    text = in_own_cluster(alert.description)
    looked_up = re.findall(r"`([^`]*)` ((?:\$labels\.\w+ )+)\| query", text)
    assert len(looked_up) == text.count("| query")
    assert all('cluster="%s"' in query and query.count("%s") == given.count("$labels.") for query, given in looked_up)
