"""What several tests share: the archive, loopback servers, workbooks, a database."""
