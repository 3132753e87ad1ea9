"""What an HTTP request meets between the gateway and a use case."""
