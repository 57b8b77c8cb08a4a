"""The webhook channel, which posts signed JSON to an address. docs/webhooks.md describes it for the receiving side."""
