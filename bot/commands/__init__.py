"""Commands typed by people in a chat or by the operator in a terminal."""
