"""Parsers for workbooks, web pages, PDFs, feeds and JSON fields.

They return plain values and don't depend on any source.
"""
