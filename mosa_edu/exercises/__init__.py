"""Checks for the reader's own code: properties on random inputs, and the name of the mistake."""
