"""How the shop fares: errors, web vitals, calls, the process itself; and what Prometheus and Sentry are told."""
