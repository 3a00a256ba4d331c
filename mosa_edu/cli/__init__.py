"""The command line: one module a command, collected in `main`."""
