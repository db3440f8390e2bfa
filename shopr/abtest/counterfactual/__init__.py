"""What another policy would have earned, from what was logged under one."""
