"""What a spec file may say, checked: runs, sweeps, schedules and the gate; and a new one to start from."""
