"""Time is measured by benchmarks: no example of a property fails for the time that it took."""

from hypothesis import settings

settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")
