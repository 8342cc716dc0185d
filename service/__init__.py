"""Petroserve as a service: one engine, thin protocols."""
