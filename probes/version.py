"""What other sides see of us."""

from exporter.version import VERSION


def user_agent() -> str:
    """Return the name that tells probes from users in the gateway's metrics, where it is a label."""
    return f"lanewatch-probe/{VERSION}"
