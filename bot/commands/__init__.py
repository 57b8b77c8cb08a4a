"""What people and operators ask the program to do."""
