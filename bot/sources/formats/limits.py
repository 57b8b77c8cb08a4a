"""Limits on the cost of reading one document. Each key is also the name used in error messages."""

# For a whole workbook. ICE's list of May 2026 has 1,843 rows, 8 columns, 1,725 links and less than 2 MiB of XML.
WORKBOOK = {
    "bytes when unpacked": 16 << 20,
    "characters in one row, text or tag": 1 << 20,
    "characters in a cell": 32_767,  # Excel's own limit
    "files": 1_000,
    "sheets": 100,
    "styles": 65_536,
    "texts": 200_000,
    "rows": 100_000,
    "columns": 64,
    "empty rows": 1_000,  # between two rows; a few cells beyond are strays
    "strays": 5,  # cells beyond, or outside these rows and columns, which are left out
    "cells": 1_000_000,  # counting gaps
    "links": 100_000,  # or cells that have a link
}

PDF = {
    "bytes": 32 << 20,
    "pages": 2_000,
    "characters": 16_000_000,  # across all pages
    "seconds": 60,  # of CPU time; the limit on elapsed time is twice this
    "bytes of memory": 768 << 20,
}

WEB_PAGE = {"bytes": 16 << 20, "tags": 200_000}

MOST_ENTRIES = 300  # in one feed: the latest
MOST_NODES = 10_000  # in one feed, to find the latest among
LONGEST_TEXT = 20_000  # characters in one field
LONGEST_TITLE = 1_000
LONGEST_DOCUMENT = 1_000_000  # characters in a web page's readable text

OCR = {  # for the scanned pages of one document
    "pages": 60,
    "seconds": 300,  # of elapsed time, for all of them
    "seconds for a page": 45,  # of elapsed time
    "seconds of CPU for a page": 30,
    "seconds of CPU for drawing": 60,  # all of them
    "dots per inch": 300,
    "pixels": 12_000_000,  # on one page; a page of legal size has 10.7 million
    "bytes of memory": 1 << 30,  # for drawing a page, and again for reading it
    "characters": 100_000,  # on one page
    "seconds for the languages": 20,  # of elapsed time
    "failures": 3,  # pages that can't be read, until the rest is left alone
}
