"""From scores to the list that is shown: rules, arrangement, impressions, cards with reasons."""
