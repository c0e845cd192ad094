"""What the contract says of requests and answers, whatever they are about."""
