"""Why a pool is broken, where the reason says what to do: tickets beside the one page, each with its own first step.

Not here: what another alert says already (`multiple` and `pending_behind_active` are the page for several lanes,
`split` the pool's own ticket, `intruder` and `unowned_vram` the card's ownership, `device_unhealthy` the node's and the
card's, `crash_loop` the lane's, `node_lost` the node's), and `none`, which is no reason but the page itself.
"""

from typing import Final, NamedTuple

from alerts.invariant import is_in
from alerts.promql import WATCHER_PLACE, in_order
from alerts.rare import watched
from alerts.rule import Action, Alert, Group, Layer
from exporter.catalogue import POOL_VIOLATION, POOL_VIOLATOR_INFO

_POOL: Final = "{{ $labels.pool }}{{ with $labels.unit }} on {{ . }}{{ end }}"
_SELECTOR: Final = POOL_VIOLATOR_INFO.where(pool="%s", reason="%s", unit="~|%s")
_WHO: Final = (
    f"{{{{ range printf `{_SELECTOR} == 1` $labels.pool $labels.reason $labels.unit | query "
    f"| {in_order(['kind', 'violator_namespace', 'violator'])} }}}}"
    " {{ .Labels.kind }}/{{ .Labels.violator_namespace }}/{{ .Labels.violator }}{{ else }} unknown{{ end }}"
)
# A switch by hand waits for the card, for quota or in a queue for a while, and that is how it should be.
_SWITCHING: Final = f"unless ignoring (reason, unit)\n{is_in('switching')}"


class _Reason(NamedTuple):
    """One reason; `may_wait` where a switch that is under way explains it."""

    name: str
    reason: str
    layer: Layer
    action: Action
    summary: str
    words: str
    for_: str = "2m"
    may_wait: bool = False


_REASONS: Final = (
    _Reason(
        "LanewatchLaneSurgeDeadlock",
        "surge_deadlock",
        "lane",
        "fix_configuration",
        "A roll-out waits for itself",
        "has a lane whose new pod waits for the card of its old one, which ends only when the new one is ready. "
        "Set strategy Recreate and delete the old pod",
    ),
    _Reason(
        "LanewatchLaneUnexpectedAdmission",
        "unexpected_admission",
        "allocation",
        "delete_pods",
        "The kubelet rejected the pod of a lane",
        "has pods that the kubelet rejected with UnexpectedAdmissionError, and none runs: the device plugin had no "
        "healthy card for them when they came. See that the node offers its card, then delete them",
    ),
    _Reason(
        "LanewatchLaneInsufficientGpu",
        "insufficient_gpu",
        "allocation",
        "give_back_card",
        "No card is left for a lane",
        "has pods for which the scheduler finds no GPU: somebody else was given the card, or the node offers fewer "
        "than it has",
        may_wait=True,
    ),
    _Reason(
        "LanewatchLaneTerminatingStuck",
        "terminating_stuck",
        "node",
        "delete_pods",
        "A pod of a lane does not end",
        "has pods that should have been gone for a minute and more, and may still hold the card: a process that the "
        "kernel does not give up, a finalizer, or a node whose kubelet is not heard",
    ),
    _Reason(
        "LanewatchLaneImagePull",
        "image_pull",
        "node",
        "fix_configuration",
        "The image of a lane cannot be pulled",
        "has pods whose image the node cannot pull: its name, its registry or the credentials",
        for_="5m",  # a registry that fails once is asked again within seconds
    ),
    _Reason(
        "LanewatchLaneQuotaDenied",
        "quota_denied",
        "lane",
        "park_lane",
        "A quota refuses the pod of a lane",
        "has controllers whose pods a ResourceQuota refuses: no pod is made, and nothing is Pending to be seen. Park "
        "what uses the quota up, or raise it",
        may_wait=True,
    ),
    _Reason(
        "LanewatchLaneAdmissionDenied",
        "admission_denied",
        "lane",
        "fix_configuration",
        "A policy refuses the pod of a lane",
        "has controllers whose pods the API server refuses, by a policy or a webhook: no pod is made, and nothing is "
        "Pending to be seen. The controller's condition says which",
    ),
    _Reason(
        "LanewatchLaneGated",
        "gated",
        "lane",
        "investigate",
        "A scheduling gate holds a lane back",
        "has pods that a scheduling gate keeps from the scheduler: their queue has not let them in",
        for_="5m",
        may_wait=True,
    ),
)


def _alert(one: _Reason) -> Alert:
    holds = watched(POOL_VIOLATION, WATCHER_PLACE, reason=one.reason)
    return Alert(
        name=one.name,
        expr=f"{holds}\n{_SWITCHING}" if one.may_wait else holds,
        for_=one.for_,
        severity="ticket",
        layer=one.layer,
        action=one.action,
        summary=one.summary,
        description=f"Pool {_POOL} {one.words}. Who:{_WHO}.",
    )


GROUP: Final = Group(name="lanewatch-reasons", rules=tuple(map(_alert, _REASONS)))
