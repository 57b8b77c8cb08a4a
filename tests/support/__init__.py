"""Shared by the tests: the archive of lists, loopback servers, workbooks, sample values, a database."""
