"""What methods and verdicts are worth, measured on tests whose truth is known."""
