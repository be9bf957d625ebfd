"""The official rules for invoices (UBL schema, EN 16931, Peppol BIS Billing), from a folder the operator fills.

- folder.py: the manifest, which files, which version from which day
- schematron.py: compiling what is published as Schematron, once
- engine.py: the child process that holds the compiled rules
- process.py: starting, asking and ending that process
- client.py: ports.DocumentRules on top of it
"""
