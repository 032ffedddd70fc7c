"""How good a network is: loss and metrics of a split, and what was taken for what."""
