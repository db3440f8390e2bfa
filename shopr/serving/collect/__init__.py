"""Events over HTTP: the endpoint, the script that browsers run, and the metrics of the server."""
