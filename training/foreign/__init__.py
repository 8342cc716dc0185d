"""Weights that others trained: read, laid onto a network of ours by name and shape, or refused."""
