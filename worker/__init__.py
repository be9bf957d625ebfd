"""factoring-worker: takes over a factoring client's invoicing, one container, one env file a client."""

__version__ = "0.1.0"
