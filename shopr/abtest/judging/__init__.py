"""From a table and a spec to effects, health, intervals over time and what to do."""
