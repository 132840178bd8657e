"""What is wrong at each look -> what is told: each fault once, and once that it is over.

sights.py   the doctor's findings -> Sights, by keys that stay the same from look to look; what explains what
alerts.py   what is known x a look -> what is known now, and what is to be told. Pure
memory.py   what is known, as a file
"""
