"""The work itself: read ICE's lists and local agendas, record what changed and deliver it to subscriptions."""
