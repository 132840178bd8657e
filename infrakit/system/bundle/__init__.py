"""Bundles on a medium: read and checked without ever following a link or writing to it, and written so that half of one
is none."""
