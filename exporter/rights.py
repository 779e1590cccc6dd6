"""What the cluster watcher may ask of the API server: one table for the chart's roles and for the tests of them.

It lists and watches, and does nothing else: it reads no Secret and no ConfigMap, and changes nothing. Where it is asked
to (`web.token_review`), it also asks who shows a token and what that one may do, which stores nothing. Which versions
of `resource.k8s.io` are served it may ask without a right of its own: every account may (`system:discovery`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

VERBS: Final = ("list", "watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One collection that is listed and watched; `source` is who fails without it, `setting` what turns it off."""

    group: str  # empty: the core of Kubernetes
    resource: str
    source: str
    setting: str
    is_namespaced: bool = True  # a Role can give it; otherwise only a ClusterRole


RIGHTS: Final = (
    Right(group="", resource="pods", source="kubernetes", setting="kubernetes.enabled"),
    Right(group="apps", resource="deployments", source="kubernetes", setting="kubernetes.enabled"),
    Right(group="apps", resource="statefulsets", source="kubernetes", setting="kubernetes.enabled"),
    Right(group="", resource="nodes", source="nodes", setting="kubernetes.nodes", is_namespaced=False),
    Right(group="apps", resource="daemonsets", source="nodes", setting="kubernetes.nodes"),
    Right(group="", resource="events", source="events", setting="kubernetes.events"),
    Right(group="resource.k8s.io", resource="resourceclaims", source="claims", setting="kubernetes.claims"),
    Right(
        group="resource.k8s.io",
        resource="resourceslices",
        source="claims",
        setting="kubernetes.claims",
        is_namespaced=False,
    ),
)


REVIEWS: Final = {"authentication.k8s.io": "tokenreviews", "authorization.k8s.io": "subjectaccessreviews"}
"""What it must be able to create, by group, where `web.token_review` is on."""


def review_rules() -> list[dict[str, Any]]:
    """Return the rules of a cluster role that lets it ask who shows a token, and what that one may do."""
    return [{"apiGroups": [group], "resources": [resource], "verbs": ["create"]} for group, resource in REVIEWS.items()]


def rules(rights: Iterable[Right]) -> list[dict[str, Any]]:
    """Return the rules of a role that gives `rights`, one a group of the API."""
    ordered = sorted(rights, key=lambda right: right.group)
    return [
        {"apiGroups": [group], "resources": sorted(one.resource for one in members), "verbs": list(VERBS)}
        for group, members in groupby(ordered, key=lambda right: right.group)
    ]
