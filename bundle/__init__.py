"""The bundle for one-click installation in hosts that take `.mcpb` files."""
