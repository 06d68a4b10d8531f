"""What the product is made of, and whether it stays as it was pinned."""
