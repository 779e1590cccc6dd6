"""What the text of an alert about a card says besides the alert's own value: who owns the card, and what else is read.

A look-up in the text cannot multiply an alert, as a join with several owners of one card would.
"""

from typing import Final

from alerts.promql import tell
from exporter.catalogue import GPU_OWNER_INFO

CARD: Final = "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }}"
OWNERS: Final = f"Owners:{tell(GPU_OWNER_INFO, ['owner_namespace', 'owner_pod', 'owner_container'], same='gpu_uuid')}."


def read_out(query: str, form: str = "humanize", *, of: str = "gpu_uuid") -> str:
    """Return a template of the value of `query`, whose `%s` is this label of the alert, written by this function."""
    return (
        f"{{{{ with printf `{query}` $labels.{of} | query }}}}{{{{ . | first | value | {form} }}}}"
        "{{ else }}unknown{{ end }}"
    )
