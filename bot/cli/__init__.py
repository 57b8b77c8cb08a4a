"""The command line, which only parses options and prints. Results go to stdout. Notices and logs go to stderr."""
