"""A made-up channel: carrier pigeons. One folder and one registry line, as for any other channel.

CHANNELS["pigeon"] = PigeonSetup()
"""
