"""What attackers and accidents try, and whether promises hold; a part in the suite, all by `make chaos`."""
