"""A run: the loop, its step, and everything that changes while a network is trained."""
