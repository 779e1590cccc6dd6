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
    """One collection and what is done with it; `source` is who fails without it, `setting` what turns it on or off."""

    group: str  # empty: the core of Kubernetes
    resource: str
    source: str
    setting: str
    is_namespaced: bool = True  # a Role can give it; otherwise only a ClusterRole
    verbs: tuple[str, ...] = VERBS
    is_default: bool = True  # whether it is needed where the setting is not given


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
REVIEWS: Final = tuple(
    Right(
        group=group,
        resource=resource,
        source="web",
        setting="web.token_review",
        is_namespaced=False,
        verbs=("create",),
        is_default=False,
    )
    for group, resource in (("authentication.k8s.io", "tokenreviews"), ("authorization.k8s.io", "subjectaccessreviews"))
)
"""What asks who shows a token, and what that one may do; the door says 503 to every token without them."""


def rules(rights: Iterable[Right]) -> list[dict[str, Any]]:
    """Return the rules of a role that gives `rights`, one a group of the API and what is done in it."""
    ordered = sorted(rights, key=_place)
    return [
        {"apiGroups": [group], "resources": sorted(one.resource for one in members), "verbs": list(verbs)}
        for (group, verbs), members in groupby(ordered, key=_place)
    ]


def _place(right: Right) -> tuple[str, tuple[str, ...]]:
    return right.group, right.verbs
