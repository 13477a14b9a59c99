"""What the line achieved: calls counted as the trade counts them."""
