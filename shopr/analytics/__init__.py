"""Events from the call to the store, and what they tell: funnels, journeys, errors, performance, alerts."""
