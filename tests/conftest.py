"""Settings that every test shares."""

import torch
from hypothesis import settings

pytest_plugins = ["browser"]

settings.register_profile("ci", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("ci")

torch.set_num_threads(1)
