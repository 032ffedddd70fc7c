"""`data:` and `train:` as typed configs: a file for each part, and what they are read with."""
