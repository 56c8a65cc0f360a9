"""What the engine and the servers expect of hardware, and the logic of motors and counters."""
