"""What InfraKit costs, as ratios to a bare `python3 -c pass`: run.py reports times, test_instructions.py gates
instructions."""
