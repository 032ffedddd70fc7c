"""The tutorials' networks as PyTorch users write them: what the specs of the same names are compared with."""
