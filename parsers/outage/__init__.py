"""Readers of notices of outages: one carrier or format a file."""
