"""Bytes to plain values: workbooks, HTML, PDF, feeds."""
