"""The pipeline's three verbs: poll a list, poll an agenda, deliver to a subscription."""
