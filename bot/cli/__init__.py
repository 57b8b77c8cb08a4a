"""The command line: options and printing only. What was asked for goes to stdout, notices and logs to stderr."""
