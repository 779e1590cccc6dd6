"""A page on which every word from outside is hostile."""

from typing import Final

from exporter.history import Point
from exporter.status import (
    AliasStatus,
    CardStatus,
    LayerStatus,
    OwnerStatus,
    PoolStatus,
    Reason,
    SourceStatus,
    Status,
)

EVIL: Final = (
    "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;",
    "javascript:alert(1)",
    "'onload='alert(1)",
    "\u2028\u202e",
    "]]>--><!--",
)


def named(evil: str) -> Status:
    """Return a page on which everything goes by this name."""
    return Status(
        version=evil,
        role=evil,
        node=evil,
        at=1.0,
        light="bad",
        headline=evil,
        aliases=(
            AliasStatus(
                alias=evil,
                outcome=evil,
                cause="backend_process",
                words=evil,
                light="bad",
                layers=(LayerStatus(layer=evil, state=evil, light="bad"),),
                late=evil,
                served_by=evil,
                first_token_seconds=1.0,
            ),
        ),
        pools=(
            PoolStatus(
                pool=evil,
                unit=evil,
                state=evil,
                light="bad",
                reasons=(Reason(reason=evil, who=(evil,)),),
                lanes=(evil,),
            ),
        ),
        cards=(
            CardStatus(
                uuid=evil,
                node=evil,
                model=evil,
                state=evil,
                light="bad",
                owners=(OwnerStatus(lane=evil, namespace=evil, pod=evil),),
                history=(Point(1, 1), Point(2, 2)),
            ),
        ),
        sources=(SourceStatus(source=evil, is_up=False, age_seconds=1.0, message=evil),),
    )
