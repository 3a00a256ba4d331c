"""Settings that every test shares."""

import signal

import pytest
import torch
from hypothesis import settings

pytest_plugins = [
    "browser",
    "page_engine",
    "explorer_pages",
    "leak_pages",
    "chart_data",
    "sweep_toys",
]

settings.register_profile("ci", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("ci")

torch.set_num_threads(1)

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would every
# process that a test starts in order to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    """Mark the tests in a browser, and those of the built book: each make a step of their own."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
        if "site" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.pages)
