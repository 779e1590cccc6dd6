from itertools import groupby

import pytest

from exporter.config_cluster import Kubernetes
from exporter.config_web import WebAccess
from exporter.rights import REVIEWS, RIGHTS, Right, rules


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.resource)
def test_each_right_names_the_key_that_turns_it_off(right: Right) -> None:
    """Whoever must not be given a right finds in the table what to switch off."""
    section, _, key = right.setting.partition(".")
    assert section == "kubernetes"
    assert isinstance(getattr(Kubernetes(), key), bool)


@pytest.mark.parametrize("right", REVIEWS, ids=lambda right: right.resource)
def test_reviews_are_asked_for_by_a_key_that_is_off(right: Right) -> None:
    """To create anything, if only a question, is a right that nobody has who did not ask for it."""
    section, _, key = right.setting.partition(".")
    assert section == "web"
    assert getattr(WebAccess(), key) is right.is_default is False


def test_a_source_is_turned_off_as_a_whole() -> None:
    """A key that leaves a source half of its rights would leave it forbidden."""
    ordered = sorted(RIGHTS, key=lambda right: right.source)
    keys = {source: {one.setting for one in members} for source, members in groupby(ordered, lambda one: one.source)}
    assert {source: len(settings) for source, settings in keys.items()} == dict.fromkeys(keys, 1)


def test_rules_are_one_a_group() -> None:
    """A role reads as the table does: one rule a group, its resources in order."""
    assert rules(RIGHTS) == [
        {"apiGroups": [""], "resources": ["events", "nodes", "pods"], "verbs": ["list", "watch"]},
        {"apiGroups": ["apps"], "resources": ["daemonsets", "deployments", "statefulsets"], "verbs": ["list", "watch"]},
        {
            "apiGroups": ["resource.k8s.io"],
            "resources": ["resourceclaims", "resourceslices"],
            "verbs": ["list", "watch"],
        },
    ]
    assert rules(REVIEWS) == [
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]
