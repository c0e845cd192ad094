"""What every request passes through: who asks, what is refused, how long it may take, what is logged."""
