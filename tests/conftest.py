"""Settings of all tests."""

from hypothesis import settings

# The same examples on every run, and no limit on time: machines are shared.
settings.register_profile("kinecast", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("kinecast")
