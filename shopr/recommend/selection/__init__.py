"""Which model serves: compared, tuned and blended on validation data, and how its cost grows."""
