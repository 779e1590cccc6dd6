from itertools import groupby

import pytest

from exporter.config_cluster import Kubernetes
from exporter.rights import RIGHTS, Right, rules


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.resource)
def test_each_right_names_the_key_that_turns_it_off(right: Right) -> None:
    """Whoever must not be given a right finds in the table what to switch off."""
    section, _, key = right.setting.partition(".")
    assert section == "kubernetes"
    assert isinstance(getattr(Kubernetes(), key), bool)


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
