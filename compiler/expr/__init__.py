"""The expression language: text to its own tree, and what the tree means for known values."""
