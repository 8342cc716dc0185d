"""Offline training of the networks that Petroserve serves."""
