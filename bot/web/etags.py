"""The comparison of ETags that conditional requests ask for."""


def is_known(etag: str, asked: str) -> bool:
    """Return whether the reader already has what this ETag names. `asked` is the header If-None-Match."""
    return asked.strip() == "*" or f'"{etag}"' in {each.strip().removeprefix("W/") for each in asked.split(",")}
