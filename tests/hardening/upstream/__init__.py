"""Every neighbour in every bad mood that its connection can have: 22 faults times three neighbours."""
