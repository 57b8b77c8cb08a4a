"""Local government agendas: detection, tracking, linking and scheduling."""
