"""Copies of what a host keeps, by restic and the databases' own tools."""
