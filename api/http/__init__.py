"""The parts of the contract that hold for every request and answer, whatever it is about."""
