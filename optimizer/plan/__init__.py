"""What came out: plans as data, their accounts, and the independent verifier."""
