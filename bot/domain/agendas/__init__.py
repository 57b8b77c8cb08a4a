"""Local-government agendas: detect, track, link, schedule."""
