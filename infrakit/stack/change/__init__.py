"""What runs against what should: what was applied, what is different and why, what a change costs, and the way back."""
