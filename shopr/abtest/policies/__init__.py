"""What serves arms or lists while a test runs: bandits, interleaving and splits."""
