"""What machines do to a night: disks, limits, clocks, signals, and backups that are put back."""
