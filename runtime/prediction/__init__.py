"""Samples in, results out, with the preprocessing that the network was trained with."""
