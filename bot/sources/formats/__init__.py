"""Bytes to plain values: workbooks, web pages, PDFs, feeds and JSON fields. No format knows a source."""
