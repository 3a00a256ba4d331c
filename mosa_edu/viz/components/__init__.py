"""The figures that answer to the hand: one file a component, scripts or none."""
