"""What a subsystem tells, held against simulated shops whose truth is known."""
