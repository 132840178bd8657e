"""A decided host -> the plans that bring its stack up, keep it, and take it away. Everything that touches is an action
of a plan."""
