"""Ways into the Peppol network, one package per vendor: all implement ports.AccessPoint."""
