"""The command line: only options and printing. Results go to stdout, notices and logs to stderr."""
