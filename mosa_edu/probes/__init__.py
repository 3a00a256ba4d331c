"""Probes: tests that tell whether the future reaches the past, and how much of it does."""
