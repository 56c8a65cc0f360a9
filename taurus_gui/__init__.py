"""A GUI that generates itself from the interfaces of Tango devices."""
