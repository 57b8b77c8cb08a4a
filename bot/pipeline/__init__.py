"""The pipeline. It polls ICE's lists, polls local agendas and delivers messages to subscriptions."""
