"""Parsers from bytes to plain values: workbooks, web pages, PDFs, feeds and JSON fields. None depends on a source."""
