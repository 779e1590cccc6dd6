"""What is cut off in the midst leaves transports that no loop closes any more; they are swept away where they arise."""

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def swept() -> Iterator[None]:
    """Take no notice of what the context leaves open, and leave nothing of it for others to stumble over."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            gc.collect()
