"""What people did, as figures: funnels, journeys, retention, orders, searches, recommendations."""
