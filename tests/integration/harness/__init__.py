"""What the integration tests start and ask: real programs, real sockets."""
