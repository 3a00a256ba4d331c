"""Mixture of Sparse Attention, taught and examined: layers, training, traces and pictures."""

__version__ = "0.1.0"
